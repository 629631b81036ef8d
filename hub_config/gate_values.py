"""Reading JSON that nobody vouches for: every key known, every value of a stated shape. Pure; knows no engine.

A check takes where the value stands and the value, and returns what is sent on in its place, or raises Refused. What is
sent on is made of checked values alone, so it does not matter how an engine would have read what was written otherwise:
a key twice, in other letters, unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Check = Callable[[str, Any], Any]
_SHOWN = 80
_DEPTH = 20


class Refused(Exception):
    """A request that may not pass; the message names the rule. `status` is the answer's."""

    def __init__(self, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.status = status


def read_json(body: bytes) -> Any:
    """JSON as the standard has it: UTF-8, no key twice in one object, no NaN."""
    try:
        value = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise Refused("The request's body is not JSON.", 400) from None
    _measure(value, _DEPTH)
    return value


def write_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("The request's body has a key twice in one object.", 400)
    return found


def _no_constant(name: str) -> Any:
    raise Refused(f"The request's body has the number {name}.", 400)


def _measure(value: Any, depth: int) -> None:
    if depth == 0:
        raise Refused("The request's body is nested too deep.", 400)
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Refused("The request's body has half a letter.", 400)  # an engine would read another one
    inner = (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        _measure(one, depth - 1)


def refuse(where: str, value: Any, rule: str) -> Refused:
    """A value that isn't as it must be."""
    shown = json.dumps(value, ensure_ascii=True)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return Refused(f"{where} is {shown}; {rule}.")


def exactly(wanted: Any) -> Check:
    """This value and no other; true is not 1."""
    written = json.dumps(wanted, sort_keys=True)

    def check(where: str, value: Any) -> Any:
        if json.dumps(value, sort_keys=True) != written:
            raise refuse(where, value, f"it must be {written}")
        return wanted

    return check


def text(pattern: str, rule: str) -> Check:
    """A string that is `pattern` from end to end."""
    compiled = re.compile(pattern)

    def check(where: str, value: Any) -> Any:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise refuse(where, value, rule)
        return value

    return check


def whole(low: int, high: int = 1 << 62) -> Check:
    """A whole number between both, ends included."""

    def check(where: str, value: Any) -> Any:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise refuse(where, value, f"it must be a whole number from {low} to {high}")
        return value

    return check


def truth(where: str, value: Any) -> Any:
    if not isinstance(value, bool):
        raise refuse(where, value, "it must be true or false")
    return value


def items(check: Check, *, at_most: int = 64) -> Check:
    """A list of what `check` lets through."""

    def check_all(where: str, value: Any) -> Any:
        if not isinstance(value, list) or len(value) > at_most:
            raise refuse(where, value, f"it must be a list of {at_most} at most")
        return [check(f"{where}[{index}]", one) for index, one in enumerate(value)]

    return check_all


def fields(known: Mapping[str, Check], *, required: Iterable[str] = ()) -> Check:
    """An object of these keys. Another key is refused with any value; with none, it isn't sent on."""
    needed = tuple(required)

    def check(where: str, value: Any) -> Any:
        if not isinstance(value, dict):
            raise refuse(where, value, "it must be an object")
        checked: dict[str, Any] = {}
        for key, one in value.items():
            place = f"{where}.{key}" if where else key
            if key in known and one is not None:
                checked[key] = known[key](place, one)
            elif one:
                raise refuse(place, one, "the gate lets no such setting through")
        for key in needed:
            if key not in checked:
                raise Refused(f"{f'{where}.' if where else ''}{key} is missing, and has to be there.")
        return checked

    return check


def mapping(keys: str, check: Check, rule: str, *, at_most: int = 64) -> Check:
    """An object whose keys are `keys` from end to end, and whose values `check` lets through."""
    compiled = re.compile(keys)

    def check_all(where: str, value: Any) -> Any:
        if not isinstance(value, dict) or len(value) > at_most:
            raise refuse(where, value, f"it must be an object of {at_most} keys at most")
        for key in value:
            if not compiled.fullmatch(key):
                raise refuse(where, key, rule)
        return {key: check(f"{where}.{key}", one) for key, one in value.items()}

    return check_all


def environment(*, gpu: bool) -> Check:
    """Variables as NAME=value. A container without a device of its own says so, or a runtime may show it every card."""

    def check(where: str, value: Any) -> Any:
        entries = items(text(r"[A-Za-z_][A-Za-z0-9_.-]*=[^\0]*", "it must be NAME=value"), at_most=512)
        try:
            checked: list[str] = entries(where, value)
        except Refused:
            raise Refused(f"{where} must be a list of NAME=value.") from None  # values may be secret
        for name, _, said in (entry.partition("=") for entry in checked):
            # a runtime's hooks run with this environment on the machine itself
            if name.startswith("LD_") and name != "LD_LIBRARY_PATH":
                raise Refused(f"{where} sets {name}, which programs of the machine would obey.")
            if name.startswith("NVIDIA_") and (name, said) != ("NVIDIA_VISIBLE_DEVICES", "void"):
                raise Refused(f"{where} sets {name}; devices are asked for with DeviceRequests.")
        if gpu is ("NVIDIA_VISIBLE_DEVICES=void" in checked):
            raise Refused(f"{where} must say NVIDIA_VISIBLE_DEVICES=void without DeviceRequests, and not with them.")
        return checked

    return check


def tmpfs(targets: str) -> Check:
    """Memory-backed folders at these places, without devices or set-uid programs."""
    option = re.compile(r"rw|exec|noexec|nosuid|nodev|(size|mode|uid|gid|nr_inodes)=[0-9]{1,15}")

    def options(where: str, value: Any) -> Any:
        words = value.split(",") if isinstance(value, str) else []
        if not {"nosuid", "nodev"} <= set(words) or not all(option.fullmatch(word) for word in words):
            raise refuse(where, value, "it must be options of a tmpfs, nosuid and nodev among them")
        return value

    return mapping(targets, options, "no memory goes there")


#: a name of an image as `docker pull` takes it
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
DIGEST = r"sha256:[0-9a-f]{64}"
REPOSITORY = rf"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{{0,252}})(?::[0-9]{{1,5}})?/)?{_PART}(?:/{_PART})*"
IMAGE = rf"{REPOSITORY}(?::{TAG})?(?:@{DIGEST})?"
image = text(IMAGE, "it must be the name of an image")
devices = items(
    fields(
        {
            "Driver": exactly(""),
            "Count": exactly(0),
            "DeviceIDs": items(
                text(r"(?!(?:all|none|void)$)[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}", "it must be one device's id"),
                at_most=16,
            ),
            "Capabilities": exactly([["gpu"]]),
        },
        required=("DeviceIDs", "Capabilities"),
    ),
    at_most=1,
)
ulimits = items(
    fields(
        {
            "Name": text("core|nofile|fsize", "only core, nofile and fsize are limited"),
            "Soft": whole(0),
            "Hard": whole(0),
        },
        required=("Name", "Soft", "Hard"),
    )
)
restart = fields({"Name": exactly("no")}, required=("Name",))


def has_devices(host: Any) -> bool:
    """Whether a request's HostConfig asks for devices."""
    return isinstance(host, dict) and bool(host.get("DeviceRequests"))
