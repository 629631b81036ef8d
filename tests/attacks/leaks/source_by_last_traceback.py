"""A later cell reads the test that failed from the last traceback: its code, its lines, its variables."""

SHOWS = "leak"
CELLS = {"primes": "def count_primes(n):\n    return {10: 4, 2: 1}.get(n, 0)"}
EXTRA = {
    "primes": """import linecache, sys
trace = getattr(sys, "last_traceback", None)
while trace is not None:
    frame = trace.tb_frame
    print("".join(linecache.getlines(frame.f_code.co_filename)).replace(" ", "_"))
    print([name for name in frame.f_globals], frame.f_code.co_consts)
    trace = trace.tb_next"""
}
