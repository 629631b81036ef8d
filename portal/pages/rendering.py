"""Pages out of templates: one environment, the same context for all, texts in the reader's language.

Owns what every template may use. A page is complete without scripts; htmx saves reloads where there are some.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from cohorts.access import offerings_of
from portal.context import campus
from portal.i18n import Speaker
from portal.identity import Identity, pick_locale
from portal.settings import SettingsError

PACKAGE = Path(__file__).resolve().parent.parent
STATIC = PACKAGE / "static"
HTMX = Path("node_modules/htmx.org/dist/htmx.min.js")


@cache
def environment() -> Environment:
    """Templates that escape everything and refuse names they don't know."""
    made = Environment(
        loader=FileSystemLoader(PACKAGE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["ext.i18n.trimmed"] = True
    return made


def find_htmx() -> Path:
    """The script library in the checkout's node_modules. SettingsError, with what to do, if it isn't there."""
    path = PACKAGE.parent / HTMX
    if not path.is_file():
        raise SettingsError(f"{path} is missing. Run `npm ci --ignore-scripts` in {PACKAGE.parent} (make run does it).")
    return path


@cache
def version_of(path: Path) -> str:
    """A name for a file's content, so that browsers may keep it forever."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def speaker(request: Request) -> Speaker:
    """Speaks the reader's language, with times in the campus's zone."""
    here = campus(request)
    identity: Identity | None = getattr(request.state, "identity", None)
    locale = identity.locale if identity else pick_locale(request, here.settings)
    return Speaker(locale, here.settings.timezone)


def page(request: Request, template: str, values: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
    """The page `template` with `values`."""
    here = campus(request)
    identity: Identity | None = getattr(request.state, "identity", None)
    say = speaker(request)

    def url(path: str, **query: object) -> str:
        return here.prefix + path + (f"?{urlencode(query)}" if query else "")

    def static(name: str) -> str:
        path = find_htmx() if name == "htmx/htmx.min.js" else STATIC / name
        return f"{here.prefix}/static/{name}?v={version_of(path)}"

    common = {
        "_": say.gettext,
        "gettext": say.gettext,
        "ngettext": say.ngettext,
        "say": say,
        "locale": say.locale,
        "me": identity,
        "url": url,
        "static": static,
        "hub": here.hub_path,
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "path": request.url.path.removeprefix(here.prefix),
        "done": request.query_params.get("done", ""),
        "count": _number(request.query_params.get("n")),
        "now": datetime.now(UTC),
        "title_of": lambda assignment: assignment.title_ko if say.locale == "ko" else assignment.title_en,
        "duties": duties(request, identity),
    }
    return HTMLResponse(environment().get_template(template).render({**common, **values}), status_code=status)


def duties(request: Request, identity: Identity | None) -> frozenset[str]:
    """Which of the portal's parts are for this person: `learn`, `teach`, `run`."""
    if identity is None:
        return frozenset()
    with campus(request).database.read() as session:
        roles = {role.is_staff for _, role in offerings_of(session, identity.username)}
    parts = {"teach" if staff else "learn" for staff in roles} | ({"run"} if identity.is_admin else set())
    return frozenset(parts)


def see(request: Request, path: str, **query: object) -> RedirectResponse:
    """After an act, to the page that shows its result, so that a reload doesn't repeat it."""
    return RedirectResponse(campus(request).prefix + path + (f"?{urlencode(query)}" if query else ""), 303)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 7 else 0
