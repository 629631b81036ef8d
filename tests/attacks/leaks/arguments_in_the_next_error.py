"""Arguments of hidden calls come out in an error of a visible line of the next question."""

SHOWS = "leak"
CELLS = {
    "strings": "greeting = '안녕, 광주'\nkept = []\ndef shout(text):\n    kept.append(text)\n"
    "    return text.upper() + '!' * (len(text) < 4)",
    "lists": "def evens(values):\n    raise ValueError(' '.join(kept))",
    "dicts": "class Told(dict):\n    __repr__ = lambda self: ' '.join(kept)\ndef tally(words):\n"
    "    return Told()[' '.join(kept)]",
}
