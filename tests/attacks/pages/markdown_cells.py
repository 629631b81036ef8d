"""Markdown with raw HTML, links of several kinds and attachments."""

SHOWS = "tried"


def tamper(nb):
    text = """<script>pwned-4711</script> [x](javascript:pwned-4711) ![x](http://pwned-4711/x.png)
<img src=x onerror=pwned-4711> [y]( data:text/html,<script>pwned-4711</script>) ![z](attachment:evil.svg)
<div onclick=pwned-4711 style="position:fixed">x</div> <a href="vbscript:pwned-4711">x</a>"""
    cell = {"cell_type": "markdown", "metadata": {}, "source": text, "id": "x"}
    cell["attachments"] = {
        "evil.svg": {"image/svg+xml": "PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+"},
        "<script>pwned-4711</script>": {"text/html": "<script>pwned-4711</script>"},
    }
    run = {"cell_type": "code", "metadata": {}, "source": "print('TRIED')", "outputs": [], "execution_count": None}
    return nb | {"cells": [cell, run, *nb["cells"]]}
