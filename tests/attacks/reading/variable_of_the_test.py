"""A function returns the variable in which the test keeps its expected value."""

AIMS = ("frames",)
CELLS = {
    "frames": """def largest(frame):
    try:
        return wanted
    except NameError:
        return pd.DataFrame({"name": [""], "people": [0]})"""
}
