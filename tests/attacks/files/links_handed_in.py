"""The answer file leads to the judge's own memory and descriptors."""

SHOWS = "tried"
CELLS = {
    "files": """import os
print("TRIED")
os.symlink("/proc/self/environ", "report.csv")
os.symlink("/", "root")
os.symlink("@COURSE@/gradebook.db", "gradebook")"""
}
