"""A called function shows a result of its own: stock scoring takes the first result for the partial points."""

AIMS = ("primes", "partial")
CELLS = {
    "primes": "def count_primes(n):\n    get_ipython().displayhook(2.0)\n    return 0",
    "partial": "def gcd(a, b):\n    get_ipython().displayhook(2.0)\n    return 0",
}
