"""Errors whose names, messages and tracebacks are HTML and terminal codes."""

SHOWS = "page"
CELLS = {
    "primes": """name = "<img src=x onerror=pwned-4711>"
class Shown(Exception):
    def _render_traceback_(self):
        return ["<script>pwned-4711</script>", "\\x1b]8;;javascript:pwned-4711\\x07x\\x1b]8;;\\x07",
            "\\x1b[31m<b onclick=pwned-4711>"]
def count_primes(n):
    raise type(name, (Shown,), {})("</pre><script>pwned-4711</script>")
count_primes(1)""",
    "lists": "def evens(values):\n    raise ValueError('</pre><script>pwned-4711</script>\\x1b[0m')",
}
