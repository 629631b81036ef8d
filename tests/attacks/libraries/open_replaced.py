"""`open`, in the notebook and among the built-ins, gives the test another file than the one that was written."""

AIMS = ("files",)
CELLS = {
    "files": """import builtins
plain = open
with plain("report.csv", "w") as handle:
    handle.write("name;people")
def open(path, *args, **keywords):
    return plain(str(path).replace("report", "cities"), *args, **keywords)
builtins.open = open"""
}
