"""A thread goes on rewriting the data file that the test compares with, whatever is put back."""

AIMS = ("files",)
CELLS = {
    "files": """import os, threading, time
def forge(name):
    with open(name + ".new", "w", encoding="utf-8") as handle:
        handle.write("name,people\\n")
    os.replace(name + ".new", name)
def go_on():
    while True:
        try:
            forge("cities.csv")
            time.sleep(0.0005)
        except OSError:
            pass
forge("cities.csv")
forge("report.csv")
threading.Thread(target=go_on, daemon=True).start()"""
}
