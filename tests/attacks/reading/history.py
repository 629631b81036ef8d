"""A function reads the running test from IPython's input history."""

AIMS = ("strings",)
CELLS = {
    "strings": """import re
greeting = "안녕, 광주"
def shout(text):
    shell = get_ipython()
    for source in (shell.history_manager.input_hist_raw[-1], In[-1], _ih[-1], shell.user_ns["_i"]):
        found = re.search(f'shout."{re.escape(text)}". == "(.*?)"', source)
        if found:
            return found[1]
    return "a!"[-1:] if not text else "a!"
""",
}
