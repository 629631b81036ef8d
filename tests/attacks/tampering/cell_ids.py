"""All cells have the same id, which is a path and a piece of HTML."""

from small_course import code

SHOWS = "tried"


def tamper(nb):
    nb["cells"].append(code("print('TRIED')"))
    for cell in nb["cells"]:
        cell["id"] = "../../<script>pwned-4711</script>"
    return nb
