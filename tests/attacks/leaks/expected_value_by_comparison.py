"""An object prints what it is compared with, at once and in a later cell."""

SHOWS = "leak"
CELLS = {
    "strings": """greeting = "안녕, 광주"
kept = []
class Curious:
    def __eq__(self, other):
        kept.append(other)
        print(other)
        return False
def shout(text):
    return Curious() if len(text) > 2 else text.upper() + "!"
""",
}
EXTRA = {"strings": "print(kept)"}
