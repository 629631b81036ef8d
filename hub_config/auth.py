"""Who gets in: people in the hub's database, which the portal keeps in step with the rosters, and nobody else.

How they prove who they are is one setting: demonstration passwords, or an OAuth provider (`hub_config.oauth`).
Nobody signs in as `grading-*`: those hub users own grading servers and are no people.
"""

# JupyterHub and its authenticators carry no types
# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.utils import maybe_future
from tornado import web
from traitlets import Any as AnyTrait
from traitlets import Instance, Unicode, default

from hub_config.failures import Failures
from hub_config.names import is_reserved, normalize
from hub_config.words import NOT_ON_A_ROSTER, TOO_MANY_FAILURES, WRONG_NAME_OR_PASSWORD


def demo_password(secret_hex: str, username: str) -> str:
    """The demonstration password of `username`, as `xxxx-xxxx-xxxx`: 60 bits of HMAC-SHA256 in base32.

    The portal computes the same in `portal.demo`, to show it to the administrator; a test holds the two together.
    """
    digest = hmac.new(bytes.fromhex(secret_hex), username.encode(), hashlib.sha256).digest()
    text = base64.b32encode(digest).decode().lower()[:12]
    return "-".join(text[i : i + 4] for i in range(0, 12, 4))


class CampusRules(Authenticator):
    """The campus's rules of admission, to be mixed into any authenticator, before it in the list of bases."""

    def normalize_username(self, username: str) -> str:
        return str(super().normalize_username(normalize(username)))

    async def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """True for somebody on a roster; refuses everybody else with a sentence (403)."""
        if not is_reserved(username) and await maybe_future(super().check_allowed(username, authentication)):
            return True
        raise web.HTTPError(403, NOT_ON_A_ROSTER.both(name=username), reason="Not on a roster")


class DemoAuthenticator(CampusRules, Authenticator):
    """Sign-in with a password derived from one secret: nothing is stored. For demonstrations."""

    secret = Unicode(config=True, help="Hexadecimal secret that demonstration passwords are derived from.")
    clock: Callable[[], float] = AnyTrait(default_value=time.monotonic, help="Counts seconds; tests set it.")
    failures = Instance(Failures, help="Who failed how often, lately.")

    @default("failures")
    def _failures_default(self) -> Failures:
        return Failures()

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str:
        """The name, if the password is its own; a sentence with 403 otherwise, with 429 after too many failures."""
        username = self.normalize_username(data.get("username", ""))
        who = (username, handler.request.remote_ip)
        wait = self.failures.seconds_to_wait(who, self.clock())
        if wait > 0:
            raise web.HTTPError(429, TOO_MANY_FAILURES.both(seconds=str(wait)), reason="Too Many Requests")
        expected = demo_password(self.secret, username)
        given = data.get("password", "").strip().lower()
        right = hmac.compare_digest(given.encode(), expected.encode())
        if not right or not username or is_reserved(username):
            self.failures.add(who, self.clock())
            raise web.HTTPError(403, WRONG_NAME_OR_PASSWORD.both(), reason="Forbidden")
        self.failures.forget(who)
        return username
