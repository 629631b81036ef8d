"""A function prints the arguments that hidden tests call it with."""

SHOWS = "leak"
CELLS = {
    "strings": """import sys
greeting = "안녕, 광주"
def shout(text):
    print(text)
    print(text, file=sys.stderr)
    return text.upper() + "!" * (len(text) < 4)
"""
}
