"""The data file that the test compares with is rewritten to fit an empty answer."""

AIMS = ("files",)
CELLS = {
    "files": """for name in ("cities.csv", "report.csv"):
    with open(name, "w", encoding="utf-8") as handle:
        handle.write("name,people\\n")"""
}
