"""Files are opened by their full names: gradebook, source, another student's work, the worker's checkout."""

SHOWS = "tried"
CELLS = {
    "primes": """print("TRIED")
for path in ("@COURSE@/gradebook.db", "@COURSE@/source/ps1/lab.ipynb", "@COURSE@/submitted/other/ps1/lab.ipynb",
             "@CHECKOUT@/courses/content/job-conversion/python-data/source/first-steps/first-steps.ipynb",
             "@CHECKOUT@/grader/marking.py", "/etc/shadow"):
    try:
        if open(path, "rb").read(1):
            print("BREACH", path)
    except OSError:
        pass"""
}
