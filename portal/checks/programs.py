"""The campus's programs over the network: proxy, hub and portal answer; the public address has a certificate."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from portal.checks.clocks import Clocks, now
from portal.checks.finding import Finding, State, version_of
from portal.settings import PortalSettings

HUB = (6, 0)
SOON, VERY_SOON = 21, 3


def examine_programs(settings: PortalSettings, clocks: Clocks) -> list[Finding]:
    """A finding for each program, asked at the address that the settings give it."""
    return [_proxy(settings), _hub(settings, clocks), _portal(settings, clocks), *certificate(settings.public_url)]


def _proxy(settings: PortalSettings) -> Finding:
    url = f"{settings.proxy_api_url}/api/routes"
    try:
        status = httpx.get(url, timeout=5, trust_env=False).status_code
    except httpx.HTTPError as error:
        return _away("Proxy", url, error, "BITGOEUL_PROXY_API_URL")
    if status == 200:
        return Finding(
            "Proxy",
            "missing",
            f"{url} answers without a token: whoever reaches it can send people anywhere",
            "set CONFIGPROXY_AUTH_TOKEN for the proxy",
        )
    return Finding("Proxy", "ok", f"{url} answers, and asks for its token")


def _hub(settings: PortalSettings, clocks: Clocks) -> Finding:
    url = f"{settings.hub_api_url}/"
    try:
        asked = now()
        answer = httpx.get(url, timeout=5, trust_env=False)
        _note(clocks, "the hub", answer, asked)
        told = str(answer.json()["version"])
    except httpx.HTTPError as error:
        return _away("Hub", url, error, "BITGOEUL_HUB_API_URL")
    except (ValueError, KeyError, TypeError):
        return Finding("Hub", "missing", f"{url} is not a JupyterHub", "correct BITGOEUL_HUB_API_URL")
    if version_of(told) < HUB:
        return Finding("Hub", "missing", f"JupyterHub {told} at {url}", "needs 6 or newer: docs/how-to/upgrade.md")
    return Finding("Hub", "ok", f"JupyterHub {told} at {url}")


def _portal(settings: PortalSettings, clocks: Clocks) -> Finding:
    url = f"{settings.portal_url}/api/health"
    try:
        asked = now()
        answer = httpx.get(url, timeout=5, trust_env=False)
        _note(clocks, "the portal", answer, asked)
        hub = answer.json()["hub"]
    except httpx.HTTPError as error:
        return _away("Portal", url, error, "BITGOEUL_PORTAL_URL")
    except (ValueError, KeyError, TypeError):
        return Finding("Portal", "missing", f"{url} is no portal of a campus", "correct BITGOEUL_PORTAL_URL")
    if hub != "in step":
        remedy = "the portal's log says why; BITGOEUL_PORTAL_TOKEN must be the same for hub and portal"
        return Finding("Portal", "missing", f"{url}: the hub's people are not as the database says ({hub})", remedy)
    return Finding("Portal", "ok", f"{url}, hub in step")


def certificate(public_url: str, trusted: str | None = None) -> list[Finding]:
    """How long the certificate of a public https address is good for; `trusted` is a file of authorities, else this
    machine's.
    """
    parts = urlsplit(public_url)
    if parts.scheme != "https" or not parts.hostname:
        return []
    where = (parts.hostname, parts.port or 443)
    subject = "Certificate"
    try:
        context = ssl.create_default_context(cafile=trusted)
        with (
            socket.create_connection(where, timeout=5) as connection,
            context.wrap_socket(connection, server_hostname=parts.hostname) as secured,
        ):
            ends = dict(secured.getpeercert() or {}).get("notAfter")
    except ssl.SSLCertVerificationError as error:
        what = f"browsers refuse {public_url}: {error.verify_message}"
        return [Finding(subject, "missing", what, "renew it; the file needs the whole chain, the site's own first")]
    except OSError as error:
        what = f"{public_url} can't be reached from here ({error})"
        return [Finding(subject, "weak", what, "look whether the proxy listens, and at the name's address")]
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), UTC)
    days = (until - now()).days
    what = f"{public_url}, good until {until:%Y-%m-%d} ({days} days)"
    if days < SOON:
        state: State = "missing" if days < VERY_SOON else "weak"
        return [Finding(subject, state, what, "renew it, put it in its place, and restart the proxy")]
    return [Finding(subject, "ok", what)]


def _note(clocks: Clocks, who: str, answer: httpx.Response, asked: datetime) -> None:
    if date := answer.headers.get("date"):
        clocks.note(who, parsedate_to_datetime(date), asked, now())


def _away(subject: str, url: str, error: Exception, setting: str) -> Finding:
    what = f"{url} doesn't answer ({type(error).__name__})"
    return Finding(subject, "missing", what, f"start it and read its log; or correct {setting}")
