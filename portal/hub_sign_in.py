"""Signing in through the hub: OAuth 2 authorization code with PKCE, and asking the hub whom a token belongs to.

Speaks only to the hub's OAuth endpoints and `GET /user`. Keeps what the hub said about a token for at most
`RECHECK_SECONDS`, so that somebody who was withdrawn is out within a minute.
https://jupyterhub.readthedocs.io/en/stable/reference/services.html
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from cohorts.errors import CampusError

CLIENT_ID = "service-portal"
RECHECK_SECONDS = 60.0
REMEMBERED = 10_000


class HubAway(CampusError):
    """The hub doesn't answer, so nobody can be identified."""

    status = 503


@dataclass(frozen=True)
class TokenOwner:
    """Whom a hub token belongs to, and what it may do."""

    username: str
    scopes: frozenset[str]

    @property
    def may_enter(self) -> bool:
        """Whether the token was given for the portal: a token for another service must not open this one."""
        return bool(self.scopes & {"access:services", "access:services!service=portal"})

    @property
    def is_servers(self) -> bool:
        """Whether it is a server's own token: one that a person asked for can manage that person's tokens."""
        return not any(scope.split("!")[0] in ("tokens", "read:tokens") for scope in self.scopes)


class HubSignIn:
    """The portal as an OAuth client of the hub. `clock` counts seconds."""

    def __init__(
        self,
        *,
        hub_path: str,
        hub_api_url: str,
        callback_path: str,
        secret: str,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.authorize_path = f"{hub_path}/api/oauth2/authorize"
        self.logout_path = f"{hub_path}/logout"
        self.callback_path = callback_path
        self._secret = secret
        self._clock = clock
        self._owners: dict[str, tuple[float, TokenOwner]] = {}
        # The hub is on this machine or this network: no proxy of the environment stands between.
        self._http = httpx.AsyncClient(base_url=hub_api_url, timeout=10, trust_env=False, transport=transport)

    def authorize_url(self, state: str, verifier: str) -> str:
        """Where the browser goes to sign in; on this site, so it works under every name the campus is reached by."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        return f"{self.authorize_path}?" + urlencode(
            {
                "client_id": CLIENT_ID,
                "redirect_uri": self.callback_path,
                "response_type": "code",
                "state": state,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            }
        )

    async def redeem(self, code: str, verifier: str) -> str | None:
        """The access token for an authorization code; None if the hub doesn't accept the code."""
        response = await self._send(
            "POST",
            "/oauth2/token",
            data={
                "client_id": CLIENT_ID,
                "client_secret": self._secret,
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.callback_path,
                "code_verifier": verifier,
            },
        )
        if response.status_code != 200:
            return None
        token = response.json().get("access_token")
        return token if isinstance(token, str) else None

    async def owner(self, token: str) -> TokenOwner | None:
        """Whom `token` belongs to, as of at most a minute ago; None if the hub doesn't know it."""
        key = hashlib.sha256(token.encode()).hexdigest()
        now = self._clock()
        if (known := self._owners.get(key)) and now - known[0] < RECHECK_SECONDS:
            return known[1]
        self._owners.pop(key, None)
        response = await self._send("GET", "/user", headers={"Authorization": f"token {token}"})
        if response.status_code in (401, 403, 404):
            return None
        if response.status_code != 200:
            raise self._away(f"it answered {response.status_code}")
        model = response.json()
        if model.get("kind") != "user":
            return None
        owner = TokenOwner(model["name"], frozenset(model.get("scopes", ())))
        if len(self._owners) >= REMEMBERED:
            self._owners = {k: v for k, v in self._owners.items() if now - v[0] < RECHECK_SECONDS}
            if len(self._owners) >= REMEMBERED:
                self._owners.clear()
        self._owners[key] = (now, owner)
        return owner

    def forget(self, token: str) -> None:
        """Ask the hub anew the next time `token` is used."""
        self._owners.pop(hashlib.sha256(token.encode()).hexdigest(), None)

    async def close(self) -> None:
        await self._http.aclose()

    async def _send(
        self, method: str, path: str, *, data: dict[str, str] | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        try:
            return await self._http.request(method, path, data=data, headers=headers)
        except httpx.HTTPError as error:
            raise self._away(type(error).__name__) from error

    @staticmethod
    def _away(why: str) -> HubAway:
        return HubAway(
            f"The hub does not answer ({why}), so you cannot be identified. Nothing was changed; try again soon.",
            f"허브가 응답하지 않아({why}) 본인 확인을 할 수 없습니다. 바뀐 것은 없습니다. 잠시 후 다시 시도하세요.",
        )
