"""A function keeps each assertion of the test's callback to itself, in a generator that it never finishes."""

AIMS = ("calls",)
CELLS = {
    "calls": """def guarded(value, action):
    try:
        yield action(value)
    except Exception:
        yield None
def each(values, action):
    for value in [*values, *values]:
        next(guarded(value, action))"""
}
