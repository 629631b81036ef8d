"""Arguments of hidden calls stand in the message, the name and the notes of an exception."""

SHOWS = "leak"
CELLS = {
    "strings": """greeting = "안녕, 광주"
def shout(text):
    if len(text) > 2:
        error = type(text, (Exception,), {})(text)
        error.add_note(text)
        raise error from ValueError(text)
    return text.upper() + "!"
""",
}
