"""A later cell prints the history with a dash between all letters, a letter a line, and backwards."""

SHOWS = "leak"
EXTRA = {"primes": "text = ' '.join(In)\nprint('-'.join(text))\nprint('\\n'.join(text))\nprint(text[::-1])"}
