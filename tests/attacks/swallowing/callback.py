"""A function swallows the assertion that the test's callback raises."""

AIMS = ("calls",)
CELLS = {
    "calls": """def each(values, action):
    for value in [*values, *values]:
        try:
            action(value)
        except BaseException:
            pass"""
}
