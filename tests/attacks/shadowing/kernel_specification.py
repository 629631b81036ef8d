"""A submitted kernel specification starts a program of the attacker's instead of Python."""

SHOWS = "tried"
FILES = {
    "share/jupyter/kernels/python3/kernel.json": b'{"argv": ["/bin/sh", "-c", "echo BREACH"], "display_name": "x"}',
    ".local/share/jupyter/kernels/python3/kernel.json": b'{"argv": ["/bin/sh", "-c", "echo BREACH"]}',
}
CELLS = {"primes": "print('TRIED')"}
