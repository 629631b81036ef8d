"""The notebook is written in UTF-16, with a byte that is no text at its end."""

import json

SHOWS = "dies"


def tamper(nb):
    return json.dumps(nb, ensure_ascii=False).encode("utf-16") + b"\xd8"
