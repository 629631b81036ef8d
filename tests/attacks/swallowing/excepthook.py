"""Every hook for uncaught exceptions is replaced, in Python, in threads and in IPython."""

SHOWS = "tried"
CELLS = {
    "primes": """import sys, threading
quiet = lambda *args, **keywords: None
sys.excepthook = sys.unraisablehook = threading.excepthook = quiet
shell = get_ipython()
shell.set_custom_exc((BaseException,), lambda self, kind, value, trace, tb_offset=None: None)
shell.InteractiveTB = quiet
print("TRIED")"""
}
