"""The file is half a notebook."""

import json

SHOWS = "dies"


def tamper(nb):
    data = json.dumps(nb).encode()
    return data[: len(data) // 2]
