"""An exception renders its own traceback as nothing at all."""

SHOWS = "tried"
CELLS = {
    "primes": """print("TRIED")
class Nothing(Exception):
    def _render_traceback_(self):
        get_ipython().displayhook(2.0)
        return []
def count_primes(n):
    raise Nothing"""
}
