"""Tests carry the tag that makes nbclient skip them."""

from small_course import cell_of

AIMS = ("primes", "arrays", "classes")


def tamper(nb):
    for name in AIMS:
        cell_of(nb, f"{name}_test")["metadata"]["tags"] = ["skip-execution"]
    return nb
