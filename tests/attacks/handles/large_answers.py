"""Answers nest deeply, contain themselves, or hold hundreds of megabytes."""

SHOWS = "tried"
CELLS = {
    "lists": """print("TRIED")
def evens(values):
    made = []
    made.append(made)
    return made""",
    "dicts": """def tally(words):
    made = {}
    for _ in range(100_000):
        made = {"a": made}
    return made""",
    "arrays": "def standardise(values):\n    return np.zeros(1 << 26)",
    "strings": "greeting = '?'\ndef shout(text):\n    return 'x' * (1 << 28)",
}
LIMITS = {"wall": 15.0, "cell": 4.0}
