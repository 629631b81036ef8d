"""What a marking needs of the worker that takes it, in one word: the lane of the queue it waits in. Pure.

Owns the rule: work on the processor in the campus's own image is forked; what names another image gets a container;
what needs other hardware gets a container with a device of that kind.
"""

from __future__ import annotations

ON_PROCESSOR = "cpu"
OTHER_IMAGE = "cpu+image"  # no kind of hardware is called like this: names have no plus


def needs_of(hardware: str, image: str | None) -> str:
    """The lane of work on `hardware` ("cpu", or a kind of GPU as courses name it) in `image` (None: the campus's)."""
    if hardware != ON_PROCESSOR:
        return hardware
    return ON_PROCESSOR if image is None else OTHER_IMAGE
