"""The notebook asks for a kernel that runs no Python, by name and by path."""

from small_course import code

SHOWS = "tried"


def tamper(nb):
    nb["metadata"]["kernelspec"] = {"name": "../../bash", "display_name": "<b>", "language": "bash"}
    nb["metadata"]["language_info"] = {"name": "bash", "version": "1", "nbconvert_exporter": "x", "pygments_lexer": "x"}
    nb["cells"].append(code("print('TRIED')"))
    return nb
