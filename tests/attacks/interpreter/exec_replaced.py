"""The built-in `exec` is replaced by one that swallows whatever a cell raises."""

AIMS = ("primes", "floats", "arrays", "classes", "errors")
CELLS = {
    "primes": """import builtins
plain = exec
def quiet(code, *spaces):
    try:
        plain(code, *spaces)
    except Exception:
        pass
builtins.exec = quiet"""
}
