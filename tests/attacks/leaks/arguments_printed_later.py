"""Arguments of hidden calls are kept, and printed by a later cell of the student's."""

SHOWS = "leak"
CELLS = {
    "strings": "greeting = '안녕, 광주'\nkept = []\ndef shout(text):\n    kept.append(text)\n"
    "    return text.upper() + '!' * (len(text) < 4)"
}
EXTRA = {"strings": "print(kept)"}
