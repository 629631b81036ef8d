"""What the portal sees of a JupyterHub, imitated at its HTTP boundary.

OAuth with PKCE, `GET /user`, users, groups, shares, servers. Where it has a lease token it asks the portal for hardware
before it starts a server, and says when that runs and ends, as the hub's spawner does.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

SERVICE_TOKEN = "0a" * 32
PREFIX = "/services/portal"


@dataclass
class FakeHub:
    """What the portal sees of a JupyterHub. `tokens` maps tokens to who they belong to and what they may do."""

    tokens: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    shares: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    down: bool = False
    portal: str = ""
    lease_token: str = ""
    leases: dict[str, int] = field(default_factory=dict)

    def token_for(self, username: str, scopes: list[str] | None = None) -> str:
        """A token of a person's, as the hub gives it to the portal when they sign in."""
        token = f"{username}-{secrets.token_hex(8)}"
        self.tokens[token] = (username, scopes if scopes is not None else ["access:services!service=portal"])
        return token

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/api/oauth2/authorize", self.authorize),
                Route("/api/oauth2/token", self.redeem, methods=["POST"]),
                Route("/api/user", self.whoami),
                Route("/api/users", self.list_users),
                Route("/api/users", self.create_users, methods=["POST"]),
                Route("/api/users/{name}", self.one_user, methods=["GET", "DELETE"]),
                Route("/api/users/{name}/server", self.start_server, methods=["POST"]),
                Route("/api/users/{name}/server", self.stop_server, methods=["DELETE"]),
                Route("/user-redirect/lab", self.lab),
                Route("/api/shares/{name}/", self.share, methods=["GET", "POST", "PATCH"]),
                Route("/api/groups", self.list_groups),
                Route("/api/groups/{name}", self.one_group, methods=["GET", "POST"]),
                Route("/api/groups/{name}/users", self.change_group, methods=["POST", "DELETE"]),
                Route("/logout", self.logout),
            ]
        )

    def authorize(self, request: Request) -> Response:
        """The hub's sign-in, with a cookie in place of a password."""
        query = dict(request.query_params)
        if (username := request.cookies.get("fake-hub-user")) is None:
            return Response("the hub's sign-in page", 200)
        if query["client_id"] != "service-portal" or query["redirect_uri"] != f"{PREFIX}/oauth_callback":
            return Response("unknown client", 400)
        code = secrets.token_hex(8)
        self.codes[code] = {"username": username, "challenge": query["code_challenge"]}
        assert query["code_challenge_method"] == "S256"
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}", 302)

    async def redeem(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        kept = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        right = form.get("client_secret") == SERVICE_TOKEN and form.get("redirect_uri") == f"{PREFIX}/oauth_callback"
        if kept is None or not right or kept["challenge"] != challenge:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse({"access_token": self.token_for(kept["username"]), "token_type": "Bearer"})

    def whoami(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("token ")
        self.asked.append(token)
        if self.down:
            return Response("", 502)
        if token not in self.tokens:
            return JSONResponse({"message": "Forbidden"}, 403)
        name, scopes = self.tokens[token]
        return JSONResponse({"kind": "user", "name": name, "scopes": scopes, "groups": []})

    def _guarded(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"token {SERVICE_TOKEN}"

    def list_users(self, request: Request) -> Response:
        if not self._guarded(request):
            return JSONResponse({"message": "Forbidden"}, 403)
        found = list(self.users.values())
        if request.query_params.get("state") == "active":
            found = [user for user in found if user["servers"]]
        return JSONResponse({"items": found, "_pagination": {"next": None}})

    async def create_users(self, request: Request) -> Response:
        for name in (await request.json())["usernames"]:
            self.users.setdefault(name, {"name": name, "admin": False, "servers": {}})
        return JSONResponse([], 201)

    def one_user(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.users:
            return JSONResponse({"message": "no such user"}, 404)
        if request.method == "DELETE":
            del self.users[name]
            self.tokens = {token: owner for token, owner in self.tokens.items() if owner[0] != name}
            return Response(status_code=204)
        return JSONResponse(self.users[name])

    async def start_server(self, request: Request) -> Response:
        name = request.path_params["name"]
        body = await request.body()
        options = json.loads(body).get("user_options", {}) if body else {}
        if self.down:
            return JSONResponse({"message": "the hub is down"}, 503)
        if self.lease_token:
            wanted = {"username": name, "profile": options.get("profile", ""), "request": options.get("request", "")}
            got = await self._tell("/grants", wanted)
            if got.is_error:
                return JSONResponse({"message": got.json()["error"]}, got.status_code)
            if (lease := got.json()["lease"]) is not None:
                self.leases[name] = lease["id"]
                await self._tell(f"/leases/{lease['id']}/running", {"device": lease["device"], "node": lease["node"]})
        now = datetime.now(UTC).isoformat()
        server = {"ready": True, "pending": None, "url": f"/user/{name}/", "started": now, "last_activity": now}
        self.users[name]["servers"] = {"": {**server, "user_options": options}}
        return Response(status_code=201)

    async def stop_server(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.users[name]["servers"] = {}
        if (lease := self.leases.pop(name, None)) is not None:
            await self._tell(f"/leases/{lease}/ended", {"reason": "stopped"})
        return Response(status_code=204)

    async def _tell(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """What the hub's spawner says to the portal."""
        headers = {"Authorization": f"token {self.lease_token}"}
        async with httpx.AsyncClient(base_url=self.portal, trust_env=False, verify=False) as client:
            return await client.post(f"/api/gpus{path}", json=body, headers=headers)

    def lab(self, request: Request) -> Response:
        page = "<!doctype html><link rel=icon href=data:,><title>JupyterLab</title><h1>JupyterLab</h1>"
        return Response(page, media_type="text/html")

    async def share(self, request: Request) -> Response:
        owner = request.path_params["name"]
        if request.method == "GET":
            items = [{"user": {"name": given["user"]}} for name, given in self.shares if name == owner]
            return JSONResponse({"items": items, "_pagination": {"next": None}})
        self.shares.append((owner, await request.json()))
        return JSONResponse({})

    def list_groups(self, request: Request) -> Response:
        items = [{"name": name, "users": users} for name, users in self.groups.items()]
        return JSONResponse({"items": items, "_pagination": {"next": None}})

    async def one_group(self, request: Request) -> Response:
        name = request.path_params["name"]
        if request.method == "GET":
            return JSONResponse({"name": name, "users": self.groups.get(name, [])})
        self.groups[name] = (await request.json())["users"]
        return JSONResponse({}, 201)

    async def change_group(self, request: Request) -> Response:
        members = set(self.groups[request.path_params["name"]])
        named = set((await request.json())["users"])
        changed = members - named if request.method == "DELETE" else members | named
        self.groups[request.path_params["name"]] = sorted(changed)
        return JSONResponse({})

    def logout(self, request: Request) -> Response:
        response = Response("signed out of the hub")
        response.delete_cookie("fake-hub-user", path="/")
        return response
