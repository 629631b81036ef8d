"""Functions for the end of the process, of threads and of objects, which forge and print once the tests are over."""

SHOWS = "tried"
CELLS = {
    "primes": """import atexit, os, sys, threading, weakref
print("TRIED")
def late():
    for index in range(2, 40):
        os.write(1, b'{"cell": %d, "outputs": [], "execution_count": 1}\\n' % index)
    get_ipython().displayhook(2.0)
atexit.register(late)
os.register_at_fork(before=late, after_in_child=late, after_in_parent=late)
threading._register_atexit(late)
class Last:
    def __del__(self):
        late()
sys.left = Last()
weakref.finalize(Last(), late)"""
}
