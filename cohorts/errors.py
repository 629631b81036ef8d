"""What can go wrong with campus data.

* CampusError: rule, value, fix; safe to show to the person who asked
  - NotFound (404)
  - Forbidden (403)
  - Conflict (409)
  - Invalid (422)
  - TooLarge (413)
"""

from __future__ import annotations


class CampusError(Exception):
    """A sentence for the person who asked, in English and Korean, with the HTTP status it maps to."""

    status = 400

    def __init__(self, message: str, korean: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.korean = korean or message

    def text(self, locale: str) -> str:
        """The sentence in `locale` ("ko" or "en")."""
        return self.korean if locale == "ko" else self.message


class NotFound(CampusError):
    status = 404


class Forbidden(CampusError):
    status = 403


class Conflict(CampusError):
    status = 409


class Invalid(CampusError):
    status = 422


class TooLarge(CampusError):
    status = 413
