"""A function looks through all names of `__main__` for something of the right shape."""

AIMS = ("frames",)
CELLS = {
    "frames": """def largest(frame):
    import __main__
    for name, value in list(vars(__main__).items()):
        if isinstance(value, pd.DataFrame) and len(value) == 2 and list(value.columns) == ["name", "people"]:
            return value
    return pd.DataFrame({"name": [""], "people": [0]})"""
}
