"""What goes wrong with the link itself, as opposed to with a student's code.

Every fault derives from BaseException: `except Exception` in a test cell, or a test that expects some error, must not
take a lie on the wire for an answer. Nothing here is ever raised on behalf of the other side.

    LinkFault
        ProtocolFault     the other side sent something that is no message, or no answer to what was asked
        LinkClosed        the other side is gone
        TooMuch           a value is larger or deeper than the link carries
        CannotCarry       a value of this side that has no form on the link
"""

from __future__ import annotations


class LinkFault(BaseException):
    """The link between the two interpreters failed. Not an error of the code that is being marked."""


class ProtocolFault(LinkFault):
    """The other side broke the protocol; nothing more is asked of it."""


class LinkClosed(LinkFault):
    """The other side closed the link, or died."""


class TooMuch(LinkFault):
    """A value is larger or deeper than the link's limits; the link goes on."""


class CannotCarry(LinkFault):
    """This side has no way to show the value to the other side; the link goes on."""
