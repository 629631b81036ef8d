"""The notebook comes in format 3, with an emptied test, where other rules hold."""

import json

import nbformat
from small_course import cell_of

AIMS = ("primes",)


def tamper(nb):
    cell_of(nb, "primes_test")["source"] = "pass"
    old = nbformat.convert(nbformat.from_dict(nb), 3)
    return json.dumps(old).encode()
