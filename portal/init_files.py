"""What a campus in containers is told: secrets, a file each, one file of settings with comments, and its folders.

Owns the text of DATA/bitgoeul.env. Refuses to overwrite: what is there stays as the site left it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from portal.secrets_file import NAMES, ensure_secrets
from portal.settings import SIGN_INS, SettingsError

SETTINGS_FILE = "bitgoeul.env"
#: filled by the site: what the identity provider gave
PROVIDER_SECRET = "oauth_client_secret"
#: what containers see of the campus's folder, a mount each
FOLDERS = ("hub", "storage", "offerings", "homes", "devices", "backups", "site", "jupyterhub_config.d", "tls")
#: the account of the images, which root gives what it makes to
ACCOUNT = (2000, 2000)
COMPOSE_FILE = "docker-compose.yml"
TLS = ("off", "files", "elsewhere")


@dataclass(frozen=True)
class Wishes:
    """What a site may say at `bitgoeul init`; the rest is written down with its default."""

    public_url: str = "http://localhost:8000"
    sign_in: str = "demo"
    admins: tuple[str, ...] = ()
    tls: str = "off"
    image_tag: str = "latest"
    locale: str = "ko"
    timezone: str = "Asia/Seoul"


@dataclass(frozen=True)
class Made:
    """What was made now, and what had been there."""

    made: tuple[str, ...]
    kept: tuple[str, ...]


def initialize(folder: Path, wishes: Wishes, *, owner: tuple[int, int] | None = None) -> Made:
    """Make what `folder` lacks of secrets, settings and folders. Raises SettingsError.

    `owner` (uid, gid) gets what was made, and is who portal and graders run as: this account, or the images' for root.
    """
    check(wishes)
    uid, gid = owner or ((os.getuid(), os.getgid()) if os.getuid() else ACCOUNT)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secrets = folder / "secrets"
        there = {f"secrets/{name}" for name in NAMES if (secrets / name).exists()}
        ensure_secrets(secrets)
        made = [name for name in (f"secrets/{name}" for name in NAMES) if name not in there]
        # a Swarm takes no secret of no length
        texts = {f"secrets/{PROVIDER_SECRET}": "\n", SETTINGS_FILE: settings_text(wishes, folder, (uid, gid))}
        for name, text in texts.items():
            if _write_once(folder / name, text):
                made.append(name)
            else:
                there.add(name)
        for name in FOLDERS:
            if not (folder / name).exists():
                (folder / name).mkdir(mode=0o700)
                made.append(f"{name}/")
        if os.getuid() == 0 or owner is not None:
            for path in (folder, secrets, *(folder / name for name in made)):
                os.chown(path, uid, gid)
    except OSError as error:
        raise SettingsError(
            f"{error.filename or folder} can't be written ({error.strerror}). Choose a folder of this account's with "
            "--data FOLDER; only root may give files to another account with --owner."
        ) from error
    return Made(tuple(made), tuple(sorted(there)))


def check(wishes: Wishes) -> None:
    """SettingsError for what no campus can be told."""
    parts = urlsplit(wishes.public_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise SettingsError(
            f"--public-url is {wishes.public_url!r}; it must be an address without a path, such as https://campus.example.kr."
        )
    if wishes.sign_in not in SIGN_INS:
        raise SettingsError(f"--sign-in is {wishes.sign_in!r}; it must be one of {', '.join(SIGN_INS)}.")
    if wishes.tls not in TLS:
        raise SettingsError(f"--tls is {wishes.tls!r}; it must be one of {', '.join(TLS)}.")
    if (wishes.tls == "off") != (parts.scheme == "http"):
        raise SettingsError(
            f"--public-url is {wishes.public_url!r} and --tls is {wishes.tls!r}; https needs --tls files (the proxy "
            "has the certificate) or elsewhere (something in front of it has), http needs off."
        )
    if any("\n" in value for value in (wishes.image_tag, wishes.timezone, *wishes.admins)):
        raise SettingsError("A setting has a line break in it; each is one line.")


def link_settings(folder: Path, compose: Path) -> bool:
    """Whether Compose, in the folder `compose`, reads these settings without being told: a link is made there."""
    link = compose / ".env"
    if not (compose / COMPOSE_FILE).is_file():
        return False
    try:
        link.symlink_to(folder / SETTINGS_FILE)
    except OSError:
        return link.is_symlink() and link.resolve() == (folder / SETTINGS_FILE).resolve()
    return True


def settings_text(wishes: Wishes, folder: Path, account: tuple[int, int]) -> str:
    """The settings file: NAME=value, a comment a line, no quotes; Compose reads it as it stands."""
    parts = urlsplit(wishes.public_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    production = int(wishes.sign_in != "demo" and parts.scheme == "https")
    return f"""\
# Settings of this campus. `bitgoeul init` made this file and never changes it again. 이 캠퍼스의 설정입니다.
# A line is NAME=value, without quotes. docs/reference/settings.md explains each name.
# Secrets are not here: they are in secrets/, a file each, readable by their owner only. 비밀 값은 secrets/ 에 있습니다.

# Where this campus keeps everything but its database, and whose it is (UID:GID). 캠퍼스의 폴더와 계정
BITGOEUL_FOLDER={folder}
BITGOEUL_ACCOUNT={account[0]}:{account[1]}
# What Compose calls its containers and networks. Compose 프로젝트 이름
COMPOSE_PROJECT_NAME=bitgoeul

# What people type into their browser. 사람들이 여는 주소
BITGOEUL_PUBLIC_URL={wishes.public_url.rstrip("/")}
# The port of this machine on which the proxy listens. 프록시가 듣는 포트
BITGOEUL_PORT={port}
# off: plain http. files: the proxy has the certificate, from the two files below.
# elsewhere: something in front of the proxy has it. 인증서를 어디에 두는지
BITGOEUL_TLS={wishes.tls}
BITGOEUL_TLS_CERTIFICATE={"tls/fullchain.pem" if wishes.tls == "files" else ""}
BITGOEUL_TLS_KEY={"tls/privkey.pem" if wishes.tls == "files" else ""}
# 1 refuses what is for demonstrations only. 실제 운영이면 1
BITGOEUL_PRODUCTION={production}

# Who proves who people are: {", ".join(SIGN_INS)}. docs/how-to/sign-in.md 로그인 방법
BITGOEUL_SIGN_IN={wishes.sign_in}
# User names of administrators, separated by commas. 관리자
BITGOEUL_ADMINS={",".join(wishes.admins)}

# Language and time zone until somebody chooses another. 기본 언어와 시간대
BITGOEUL_LOCALE={wishes.locale}
BITGOEUL_TIMEZONE={wishes.timezone}

# Where the campus's images are, with a / at its end, and their tag. 이미지 저장소와 태그
BITGOEUL_REGISTRY=
BITGOEUL_IMAGE_TAG={wishes.image_tag}
# text, or json: one object a line, for collectors of logs. 로그 형식
BITGOEUL_LOG_FORMAT=text
"""


def _write_once(path: Path, text: str) -> bool:
    """Whether `path` was made now; one that is there is left alone."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return True
