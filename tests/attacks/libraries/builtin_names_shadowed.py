"""The notebook defines names that the test takes for built-in functions."""

AIMS = ("floats", "dicts")
CELLS = {
    "floats": """def abs(value):
    return 0
def round(value, digits=0):
    return 12.056
def isinstance(value, kind):
    return True
pace = 1
def mean(values):
    return 3.0""",
    "dicts": """def sorted(values, **keywords):
    return [("gull", 2), ("tern", 1)]
def tally(words):
    return {"a": 2, "b": 1} if words[0] == "a" else {"gull": 2, "tern": 9}""",
}
