"""A function raises what an event loop takes for an orderly end."""

SHOWS = "tried"
CELLS = {
    "primes": """import asyncio
print("TRIED")
def count_primes(n):
    raise asyncio.CancelledError""",
    "lists": "def evens(values):\n    raise GeneratorExit",
    "dicts": "def tally(words):\n    raise SystemExit(0)",
}
