"""A walk up from the working folder, and through the whole tree, for gradebooks and source notebooks."""

SHOWS = "breach"
BAIT = {"gradebook.db": b"SQLite format 3\0"}
CELLS = {
    "primes": """import os, time
names = ("gradebook.db", "bitgoeul.db")
until = time.monotonic() + 2
for top in (".", "..", "../..", "/home", "/root", "/srv", "/var", "/opt", "/mnt", "/tmp", "/"):
    for folder, folders, files in os.walk(top):
        found = [name for name in files if name in names]
        for name in files:
            if name.endswith(".ipynb") and "kingfisher" + "_table" in open(os.path.join(folder, name)).read():
                found.append(name)
        if found and "site-packages" not in folder:  # nbgrader brings a sample of its own
            print("BREACH", folder, found)
        if time.monotonic() > until:
            break"""
}
