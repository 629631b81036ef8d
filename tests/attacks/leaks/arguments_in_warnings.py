"""Arguments of hidden calls are written as warnings, log records, progress and to the terminal's descriptor."""

SHOWS = "leak"
CELLS = {
    "strings": """import logging, os, warnings
greeting = "안녕, 광주"
def shout(text):
    warnings.warn(text)
    logging.error(text)
    os.write(1, text.encode())
    os.write(2, text.encode())
    os.system("echo " + text)
    return text.upper() + "!" * (len(text) < 4)
""",
}
