"""Settings of a node's agent: read once from the environment. Owns no default secret."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cohorts.errors import Invalid

PREFIX = "BITGOEUL_"
SHORTEST_TOKEN = 32
#: what the engine's generic resources and the portal's addresses both take
KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]{0,62}")


@dataclass(frozen=True)
class NodeSettings:
    """Who this node is and whom it tells. `portal_url` and `token` are empty where it only looks."""

    name: str
    portal_url: str
    token: str = field(repr=False)
    kinds: Mapping[str, str]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> NodeSettings:
        """Settings from `environ` (BITGOEUL_*); Invalid for the first that is wrong."""

        def get(name: str) -> str:
            return environ.get(PREFIX + name, "").strip()

        return cls(
            name=get("NODE_NAME") or socket.gethostname(),
            portal_url=_address(get("PORTAL_URL").rstrip("/")),
            token=_token(get("NODE_TOKEN"), get("NODE_TOKEN_FILE")),
            kinds=_kinds(get("NODE_KINDS")),
        )

    def require_portal(self) -> None:
        """Refuse to go on without somebody to tell."""
        for name, value in (("PORTAL_URL", self.portal_url), ("NODE_TOKEN", self.token)):
            if not value:
                raise Invalid(
                    f"{PREFIX}{name} is not set: set {PREFIX}PORTAL_URL to the portal's address and {PREFIX}NODE_TOKEN "
                    "to the token that the portal knows, or look without telling anybody with --once.",
                    f"{PREFIX}{name} 값이 없습니다. {PREFIX}PORTAL_URL에 포털 주소를, {PREFIX}NODE_TOKEN에 포털이 "
                    "아는 토큰을 넣거나, --once로 보기만 하세요.",
                )


def _address(value: str) -> str:
    parts = urlsplit(value)
    if value and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise Invalid(
            f"{PREFIX}PORTAL_URL is {value!r}; it must be an address such as https://campus.example.kr/services/portal.",
            f"{PREFIX}PORTAL_URL 값이 {value!r}입니다. https://campus.example.kr/services/portal 같은 주소여야 합니다.",
        )
    return value


def _token(value: str, file: str) -> str:
    if value and file:
        raise Invalid(
            f"{PREFIX}NODE_TOKEN and {PREFIX}NODE_TOKEN_FILE are both set; keep one of them.",
            f"{PREFIX}NODE_TOKEN과 {PREFIX}NODE_TOKEN_FILE이 모두 있습니다. 하나만 남기세요.",
        )
    if file:
        try:
            value = Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(
                f"{PREFIX}NODE_TOKEN_FILE is {file!r} and can't be read ({type(error).__name__}); name a text file "
                "that this account may read.",
                f"{PREFIX}NODE_TOKEN_FILE {file!r} 파일을 읽을 수 없습니다({type(error).__name__}). "
                "이 계정이 읽을 수 있는 텍스트 파일을 지정하세요.",
            ) from error
    if (value or file) and len(value) < SHORTEST_TOKEN:
        raise Invalid(
            f"{PREFIX}NODE_TOKEN has {len(value)} characters; it needs {SHORTEST_TOKEN} at least: "
            "`openssl rand -hex 32`.",
            f"{PREFIX}NODE_TOKEN이 {len(value)}자입니다. {SHORTEST_TOKEN}자 이상이어야 합니다: `openssl rand -hex 32`.",
        )
    return value


def _kinds(value: str) -> dict[str, str]:
    """`1g.18gb=gpu-slice,gpu=gpu-full` as a mapping from what is found to what the site calls it."""
    kinds: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in value.split(","))):
        found, sign, named = (part.strip() for part in pair.partition("="))
        if not (found and sign and KIND.fullmatch(named)):
            raise Invalid(
                f"{PREFIX}NODE_KINDS has {pair!r}; write FOUND=NAME separated by commas, such as 1g.18gb=gpu-slice, "
                "with letters, digits and . + _ - in names.",
                f"{PREFIX}NODE_KINDS에 {pair!r} 항목이 있습니다. 1g.18gb=gpu-slice 처럼 '찾은종류=이름'을 쉼표로 "
                "나누어 쓰고, 이름에는 영문자, 숫자, . + _ - 만 쓰세요.",
            )
        kinds[found] = named
    return kinds
