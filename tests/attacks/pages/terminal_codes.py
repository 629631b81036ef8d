"""Streams full of HTML, terminal codes and control characters."""

SHOWS = "page"
CELLS = {
    "primes": """import sys
print("</pre><script>pwned-4711</script><pre>")
print("\\x1b[31;1m<script>pwned-4711</script>\\x1b[0m")
print("\\x1b]0;pwned-4711\\x07 \\x1b[38;5;999999m \\x00\\x08\\x7f\\u202e\\ufeff")
print("\\x1b[3<img src=x onerror=pwned-4711>m", file=sys.stderr)"""
}
