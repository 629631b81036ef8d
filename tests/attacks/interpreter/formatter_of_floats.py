"""A formatter prints every number as the full points."""

AIMS = ("partial",)
CELLS = {
    "partial": """formatter = get_ipython().display_formatter.formatters["text/plain"]
formatter.for_type(float, lambda value, printer, cycle: printer.text("2.0"))
def gcd(a, b):
    return 0"""
}
