"""IPython's `run_code` is replaced on the shell by one that reports no error."""

AIMS = ("primes", "floats", "arrays", "classes", "calls")
CELLS = {
    "primes": """shell = get_ipython()
async def quiet(code, result=None, *, async_=False):
    try:
        exec(code, shell.user_global_ns, shell.user_ns)
    except Exception:
        pass
    return False
shell.run_code = quiet"""
}
