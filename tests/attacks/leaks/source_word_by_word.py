"""A later cell prints the words of the history, sorted, none of them a whole line."""

SHOWS = "leak"
EXTRA = {"primes": "import re\nfor word in sorted(set(re.findall('[-\\\\w]+', ' '.join(In)))):\n    print(word)"}
