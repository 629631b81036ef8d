"""A function raises KeyboardInterrupt as if the machine had been too slow."""

SHOWS = "tried"
CELLS = {
    "primes": """print("TRIED")
def count_primes(n):
    raise KeyboardInterrupt""",
    "calls": "def each(values, action):\n    import signal, os\n    os.kill(os.getpid(), signal.SIGINT)",
}
