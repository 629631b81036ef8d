"""Submitted files carry the names of the standard modules that a judge would import."""

SHOWS = "tried"
PAYLOAD = b"raise SystemExit('BREACH')\nprint('BREACH: not the real one')\n"
FILES = {
    f"{name}.py": PAYLOAD
    for name in (
        *("json", "struct", "socket", "select", "os", "sys", "io", "ast", "re", "types", "random", "copy", "abc"),
        *("unittest", "doctest", "decimal", "fractions", "datetime", "traceback", "inspect", "linecache", "signal"),
    )
}
CELLS = {"primes": "import sys\nsys.modules.pop('colorsys', None)\nprint('TRIED')"}
