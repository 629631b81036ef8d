"""The data file that the test compares with is changed through memory, which leaves its size and its times alone."""

AIMS = ("files",)
CELLS = {
    "files": """import mmap
with open("cities.csv", "r+b") as handle, mmap.mmap(handle.fileno(), 0) as mapped:
    mapped[12:] = b"x" * (len(mapped) - 12)
    with open("report.csv", "wb") as report:
        report.write(mapped[:])"""
}
