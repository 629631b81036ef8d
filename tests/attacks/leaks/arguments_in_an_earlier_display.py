"""A display of an earlier cell is updated with the arguments of hidden calls."""

SHOWS = "leak"
CELLS = {
    "strings": """from IPython.display import display
greeting = "안녕, 광주"
shown = display("waiting", display_id=True)
def shout(text):
    if len(text) > 2:
        shown.update(text)
    return text.upper() + "!" * (len(text) < 4)
""",
}
