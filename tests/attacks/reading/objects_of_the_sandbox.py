"""Everything of the sandbox that shares the interpreter is searched for words of the hidden tests."""

SHOWS = "tried"
CELLS = {
    "primes": """import gc, sys
words = ["kingfisher" + "_table", "grebe" + "_expected", "heron-" + "comment"]
def search():
    for thing in gc.get_objects():
        if isinstance(thing, (dict, list, tuple)):
            for value in list(thing.values() if isinstance(thing, dict) else thing)[:2000]:
                if isinstance(value, (str, bytes)) and len(value) > 30:
                    text = value if isinstance(value, str) else value.decode("latin-1")
                    if any(word in text for word in words) and "search()" not in text:
                        return True
print("TRIED")
if search():
    print("BREACH")
def count_primes(n):
    return 0"""
}
