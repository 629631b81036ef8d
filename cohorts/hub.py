"""JupyterHub's REST API as the campus uses it: users, groups, servers, shares. Knows no cohort; decides nothing.

The portal is a hub service with its own token. SCOPES is exactly what its role needs, and `hub_config` grants exactly
that: the token can start and stop servers, and enter and share grading servers, but enter no learner's server. It isn't
an admin service, so JupyterHub refuses to let it hand out the `admin` flag (apihandlers/users.py: "Only admins can
grant admin permissions"): a stolen portal token must not become the whole hub. Administrators get their rights as
members of the group ADMINISTRATORS, to which `hub_config` binds a role.

* CampusError
  - HubUnavailable (503): no answer, or the hub itself failed; trying again later helps
  - HubRefused (502): the hub answered no; trying again doesn't help
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx

from cohorts.errors import CampusError

ADMINISTRATORS = "campus-administrators"
GRADING_SERVERS = "grading-servers"
SCOPES = (
    "admin:users",  # create and delete; the hub has no narrower scope that creates
    "read:servers",  # what a person who leaves has running
    "delete:servers",  # and to stop it
    "start:servers",  # when a GPU's turn has come, and before a class
    "admin:groups",  # create groups, change their members
    f"access:servers!group={GRADING_SERVERS}",  # one can only share what one may do
    f"shares!group={GRADING_SERVERS}",
)
PAGE = 200  # the hub's own upper limit, c.JupyterHub.api_page_max_limit
PAGINATED = "application/jupyterhub-pagination+json"


class HubUnavailable(CampusError):
    status = 503


class HubRefused(CampusError):
    """The hub answered no. `code` is its HTTP status."""

    status = 502

    def __init__(self, message: str, korean: str, code: int) -> None:
        super().__init__(message, korean)
        self.code = code


@dataclass(frozen=True)
class HubServer:
    """A server of a hub user. `pending` is None, "spawn" or "stop"; `url` is its path below the proxy.

    `profile` is the hardware it was started with ("" where nothing was chosen).
    """

    name: str
    ready: bool
    pending: str | None
    url: str
    started: datetime | None = None
    last_activity: datetime | None = None
    profile: str = ""


@dataclass(frozen=True)
class HubUser:
    """A user as the hub has it; `servers` are those that run or are about to."""

    name: str
    admin: bool
    servers: tuple[HubServer, ...]


class Hub:
    """A client for the hub at `api_url` (".../hub/api"). Safe to use from several threads.

    `page` is how many users or groups are asked for at a time; `transport` is for tests that watch or break the wire.
    """

    def __init__(
        self,
        api_url: str,
        token: str,
        *,
        timeout: float = 30.0,
        page: int = PAGE,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.page = page
        self._client = httpx.Client(
            headers={"Authorization": f"token {token}"},
            timeout=httpx.Timeout(timeout, connect=5.0),
            transport=transport,
            trust_env=False,  # the hub is inside; a proxy for the outside world isn't asked for it
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def users(self) -> dict[str, HubUser]:
        """Everybody in the hub's database, by name."""
        return {model["name"]: _user(model) for model in self._pages("/users")}

    def active_servers(self) -> dict[str, HubServer]:
        """The default servers that run, start or stop at this moment, by their owner's name."""
        found = {}
        for model in self._pages("/users", state="active"):
            server = next((server for server in _user(model).servers if not server.name), None)
            if server is not None:
                found[str(model["name"])] = server
        return found

    def groups(self) -> dict[str, frozenset[str]]:
        """The members of every group, by the group's name."""
        return {model["name"]: frozenset(model["users"]) for model in self._pages("/groups")}

    def create_users(self, names: Iterable[str]) -> None:
        """Create those that are missing; HubRefused (400) when the hub finds one of the names invalid."""
        self._send("POST", "/users", {"usernames": sorted(names)}, fine=(409,))

    def delete_user(self, name: str) -> None:
        """Delete the user, which stops their default server and ends their tokens."""
        self._send("DELETE", f"/users/{_segment(name)}", fine=(404,))

    def create_group(self, name: str, users: Iterable[str]) -> None:
        self._send("POST", f"/groups/{_segment(name)}", {"users": sorted(users)})

    def add_to_group(self, name: str, users: Iterable[str]) -> None:
        self._send("POST", f"/groups/{_segment(name)}/users", {"users": sorted(users)})

    def remove_from_group(self, name: str, users: Iterable[str]) -> None:
        self._send("DELETE", f"/groups/{_segment(name)}/users", {"users": sorted(users)})

    def user(self, name: str) -> HubUser | None:
        """The user, None when the hub has none of that name."""
        answer = self._send("GET", f"/users/{_segment(name)}", fine=(404,))
        return None if answer.status_code == 404 else _user(answer.json())

    def start_server(self, name: str, *, user_options: Mapping[str, str] | None = None) -> None:
        """Ask for the user's default server; one that runs or is starting is left as it is.

        `user_options` are for the spawner, such as `{"profile": name}`; without any the hub uses those of the last
        start. HubRefused when the spawner says no at once (409: nothing free).
        """
        body: dict[str, Any] = {"user_options": dict(user_options)} if user_options else {}
        self._send("POST", f"/users/{_segment(name)}/server", body, fine=(400,))

    def stop_server(self, name: str, server: str = "") -> None:
        path = f"/users/{_segment(name)}/servers/{_segment(server)}" if server else f"/users/{_segment(name)}/server"
        self._send("DELETE", path, fine=(404,))

    def share_server(self, owner: str, *, user: str, scopes: Iterable[str]) -> None:
        """Let `user` use the owner's default server, which must have been started once; granting again is harmless.

        To a person, not to a group: JupyterHub 6.1 leaves shares with a group out of what OAuth tokens may do
        (scopes.py, get_scopes_for), so nobody could enter with a browser.
        """
        target = f"{owner}/"
        granted = [f"{scope}!server={target}" for scope in scopes]
        self._send("POST", f"/shares/{_segment(owner)}/", {"user": user, "scopes": granted})

    def unshare_server(self, owner: str, *, user: str) -> None:
        """Take back whatever `share_server` gave; harmless where nothing was given."""
        self._send("PATCH", f"/shares/{_segment(owner)}/", {"user": user}, fine=(404,))

    def shared_with(self, owner: str) -> frozenset[str]:
        """Whom the owner's default server, which must have been started once, is shared with."""
        return frozenset(share["user"]["name"] for share in self._pages(f"/shares/{_segment(owner)}/") if share["user"])

    def members(self, group: str) -> frozenset[str]:
        """Who is in `group`; nobody, when there is no such group."""
        answer = self._send("GET", f"/groups/{_segment(group)}", fine=(404,))
        return frozenset() if answer.status_code == 404 else frozenset(answer.json()["users"])

    def _pages(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        offset: int | None = 0
        while offset is not None:
            asked = urlencode({**query, "offset": offset, "limit": self.page})
            answer = self._send("GET", f"{path}?{asked}", accept=PAGINATED).json()
            yield from answer["items"]
            after = answer["_pagination"]["next"]
            offset = after["offset"] if after else None

    def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        accept: str = "application/json",
        fine: tuple[int, ...] = (),
    ) -> httpx.Response:
        """The hub's answer; statuses in `fine` are the caller's to read, other errors are raised."""
        try:
            answer = self._client.request(method, self.api_url + path, json=body, headers={"Accept": accept})
        except httpx.TransportError as error:
            raise HubUnavailable(
                f"The hub at {self.api_url} doesn't answer ({type(error).__name__}); is it running?",
                f"허브({self.api_url})가 응답하지 않습니다({type(error).__name__}). 실행 중인지 확인해 주세요.",
            ) from error
        if answer.is_success or answer.status_code in fine:
            return answer
        said = _message(answer)
        if answer.status_code >= 500:
            raise HubUnavailable(
                f"The hub failed at {method} {path.partition('?')[0]} with status {answer.status_code}: {said}",
                f"허브가 {method} {path.partition('?')[0]} 요청을 처리하지 못했습니다({answer.status_code}): {said}",
            )
        advice, advice_ko = "", ""
        if answer.status_code in (401, 403):
            advice = " Check that BITGOEUL_PORTAL_TOKEN is the portal's token at this hub and its role has every scope."
            advice_ko = " BITGOEUL_PORTAL_TOKEN이 이 허브의 포털 토큰인지, 역할에 필요한 권한이 있는지 확인해 주세요."
        raise HubRefused(
            f"The hub refused {method} {path.partition('?')[0]} with status {answer.status_code}: {said}.{advice}",
            f"허브가 {method} {path.partition('?')[0]} 요청을 거절했습니다({answer.status_code}): {said}.{advice_ko}",
            answer.status_code,
        )


def _segment(name: str) -> str:
    return quote(name, safe="@")


def _user(model: dict[str, Any]) -> HubUser:
    servers = tuple(
        HubServer(
            name=name,
            ready=bool(server["ready"]),
            pending=server["pending"],
            url=server["url"],
            started=_moment(server.get("started")),
            last_activity=_moment(server.get("last_activity")),
            profile=str((server.get("user_options") or {}).get("profile") or ""),
        )
        for name, server in (model.get("servers") or {}).items()
    )
    return HubUser(name=model["name"], admin=bool(model.get("admin")), servers=servers)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def _message(answer: httpx.Response) -> str:
    """What the hub said, shortened; it never repeats our token."""
    try:
        said = str(answer.json().get("message", ""))
    except (ValueError, AttributeError):
        said = ""
    return (said or answer.reason_phrase)[:300].rstrip(".")
