"""Metadata of notebook and cells that templates show: titles, authors, tags, names of kernels, comments, points."""

from small_course import cell_of

SHOWS = "tried"
CELLS = {"primes": "print('TRIED')"}


def tamper(nb):
    evil = "\"'><script>pwned-4711</script>"
    nb["metadata"] |= {"title": evil, "authors": [{"name": evil}], "widgets": {evil: {"state": evil}}}
    nb["metadata"]["kernelspec"] = {"name": "python3", "display_name": evil, "language": evil}
    nb["metadata"]["language_info"] = {"name": evil, "pygments_lexer": evil, "codemirror_mode": evil, "mimetype": evil}
    for cell in nb["cells"]:
        cell["metadata"] |= {"tags": [evil], "name": evil, "slideshow": {"slide_type": evil}, "jupyter": {evil: evil}}
    cell_of(nb, "primes")["metadata"]["nbgrader"] |= {"comment": evil, "points": evil, "score": evil}
    return nb
