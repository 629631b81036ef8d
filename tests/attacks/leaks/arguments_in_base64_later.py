"""Arguments of hidden calls are kept, and printed later in base64, backwards and as numbers."""

SHOWS = "leak"
CELLS = {
    "strings": "greeting = '안녕, 광주'\nkept = []\ndef shout(text):\n    kept.append(text)\n"
    "    return text.upper() + '!' * (len(text) < 4)"
}
EXTRA = {
    "strings": "import base64\nfor text in kept:\n"
    "    print(base64.b64encode(text.encode()).decode(), text[::-1], list(text.encode()), '-'.join(text))"
}
