"""The memory of every other process in sight is opened: the worker's, the judge's, the sandbox's."""

SHOWS = "tried"
CELLS = {
    "primes": """import glob, os
print("TRIED")
mine = {os.getpid()}
def look(when):
    for path in glob.glob("/proc/[0-9]*"):
        if int(path.split("/")[2]) in mine:
            continue
        for name in ("mem", "maps", "environ", "fd", "root", "cwd", "syscall", "stack", "pagemap"):
            try:
                target = f"{path}/{name}"
                os.listdir(target) if name in ("fd", "root", "cwd") else open(target, "rb").read(8)
                print("BREACH", when, target, open(f"{path}/cmdline").read())
            except OSError:
                pass
look("cell")
def count_primes(n):
    look("test")
    return 0"""
}
