"""The notebook claims a format version from the future."""

SHOWS = "dies"


def tamper(nb):
    return nb | {"nbformat": 99, "nbformat_minor": -1}
