"""The result of `run_cell_async` is wiped of its error, and tracebacks are silenced."""

AIMS = ("primes", "floats", "arrays", "classes", "calls")
CELLS = {
    "primes": """shell = get_ipython()
run_async, run_plainly = shell.run_cell_async, shell.run_cell
def wiped(result):
    result.error_in_exec = result.error_before_exec = None
    return result
async def forgiving(*args, **keywords):
    return wiped(await run_async(*args, **keywords))
shell.run_cell_async = forgiving
shell.run_cell = lambda *args, **keywords: wiped(run_plainly(*args, **keywords))
shell.showtraceback = lambda *args, **keywords: None
shell._showtraceback = lambda *args, **keywords: None"""
}
