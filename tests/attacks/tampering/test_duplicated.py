"""A second test cell of the same grade id, which passes, stands behind the real one."""

import copy

from small_course import cell_of

AIMS = ("primes",)


def tamper(nb):
    twin = copy.deepcopy(cell_of(nb, "primes_test")) | {"source": "1 + 1;", "id": "twin"}
    nb["cells"].append(twin)
    return nb
