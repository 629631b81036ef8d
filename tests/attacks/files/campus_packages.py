"""The campus's own packages are imported, and the course sources beside them are read."""

SHOWS = "tried"
CELLS = {
    "primes": """import glob, importlib, os, sys
print("TRIED")
for name in ("courses", "cohorts", "portal", "grader.marking", "grader.source", "hub_config"):
    try:
        importlib.import_module(name)
        print("BREACH", name)
    except Exception:
        pass
for folder in {entry for entry in sys.path if entry}:
    for path in glob.glob(os.path.join(folder, "courses", "content", "*")):
        print("BREACH", path)"""
}
