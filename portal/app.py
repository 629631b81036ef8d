"""The portal as one web application: pages and JSON API below one prefix, opened and closed with its campus.

Owns the order in which things start and how errors reach people. Every route's rule is in `portal.rules`.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

from cohorts.database import Database, migrate
from cohorts.hub_sync import Hub, keep_in_sync
from cohorts.people import ensure_administrators
from courses.catalogue import load_catalogue
from gpus.inventory import apply_declared
from gpus.writer import deciding
from grader.storage import Storage
from portal.api import cohorts as cohorts_api
from portal.api import documents, exchange, gpu_admin, gpu_hub, gpu_people, grading, markings, metrics
from portal.api import policy as policy_api
from portal.api import regrades as regrades_api
from portal.api import release_checks as release_checks_api
from portal.api import timetable as timetable_api
from portal.api.metrics import MetricsPage
from portal.attempt_watch import AttemptWatch
from portal.context import Campus
from portal.declared_hardware import open_hardware
from portal.errors import add_error_handlers, refuse_large
from portal.hub_sign_in import HubSignIn
from portal.middleware import BodyLimit, RequestTrail, SecurityHeaders
from portal.pages import (
    admin,
    feedback,
    gpus_page,
    hardware,
    instructor,
    marks,
    policy,
    regrade,
    release_checks,
    roster,
    sign_in,
    student,
    timetable,
)
from portal.pages.rendering import STATIC, find_htmx
from portal.request_figures import RequestFigures
from portal.rules import check_complete, enforce
from portal.sandboxing import devices_of
from portal.settings import PortalSettings, SettingsError
from portal.steward import Steward

BODY_LIMIT = 4 * 1024 * 1024
SYNC_PATIENCE = 5.0
ROUTERS: tuple[APIRouter, ...] = (
    sign_in.router,
    student.router,
    feedback.router,
    instructor.router,
    release_checks.router,
    marks.router,
    policy.router,
    regrade.router,
    admin.router,
    roster.router,
    documents.router,
    grading.router,
    release_checks_api.router,
    markings.router,
    metrics.router,
    policy_api.router,
    regrades_api.router,
    exchange.router,
    cohorts_api.router,
    hardware.router,
    gpus_page.router,
    timetable.router,
    gpu_hub.router,
    gpu_people.router,
    gpu_admin.router,
    timetable_api.router,
)


def create_app(settings: PortalSettings) -> FastAPI:
    """The application for `settings`; opens nothing before it is started."""
    check_settings(settings)
    check_complete(ROUTERS)
    prefix = urlsplit(settings.portal_url).path.rstrip("/")
    app = FastAPI(
        title="빛고을 Bitgoeul",
        summary="Cohorts, assignments, marks and feedback of a Jupyter campus.",
        version="0.1.0",
        openapi_url=None,  # served by portal.api.documents, under the same rules as everything else
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        dependencies=[Depends(enforce)],
    )
    app.state.settings = settings
    app.add_middleware(BodyLimit, limit=BODY_LIMIT, unbounded=f"{prefix}/api/exchange/", refuse=refuse_large)
    app.add_middleware(SecurityHeaders, static=f"{prefix}/static/")
    app.state.request_figures = RequestFigures()
    quiet = (f"{prefix}/static/", f"{prefix}/api/health", f"{prefix}/api/metrics")
    app.add_middleware(RequestTrail, figures=app.state.request_figures, quiet=quiet)
    add_error_handlers(app)
    for router in ROUTERS:
        # the exchange bounds its own streams, by the assignment's rules
        app.include_router(router, prefix=prefix, max_body_size=None if router is exchange.router else BODY_LIMIT)
    app.mount(f"{prefix}/static/htmx", StaticFiles(directory=find_htmx().parent), name="htmx")
    app.mount(f"{prefix}/static", StaticFiles(directory=STATIC), name="static")
    return app


def check_settings(settings: PortalSettings) -> None:
    """SettingsError for what a portal can't do without."""
    for name in ("session_secret", "portal_token"):
        if len(getattr(settings, name)) < 32:
            raise SettingsError(
                f"BITGOEUL_{name.upper()} has {len(getattr(settings, name))} characters; the portal needs at least 32. "
                "`bitgoeul up` makes one; elsewhere use `openssl rand -hex 32`."
            )
    if settings.metrics_token and len(settings.metrics_token) < 32:
        raise SettingsError(
            f"BITGOEUL_METRICS_TOKEN has {len(settings.metrics_token)} characters; it needs at least 32. "
            "Make one with `openssl rand -hex 32`, or leave it out: then nobody reads the metrics."
        )
    for name in ("lease_token", "node_token"):
        if (given := getattr(settings, name)) and len(given) < 32:
            raise SettingsError(
                f"BITGOEUL_{name.upper()} has {len(given)} characters; it needs at least 32. "
                "Make one with `openssl rand -hex 32`."
            )
    devices_of(settings)
    if settings.production and not settings.public_url.startswith("https:"):
        raise SettingsError(
            f"BITGOEUL_PUBLIC_URL is {settings.public_url}; in production it must start with https:, "
            "or session cookies would travel in the clear."
        )


def open_campus(settings: PortalSettings) -> Campus:
    """Database (brought to the newest schema), storage, catalogue and the two clients of the hub."""
    settings.data.mkdir(parents=True, exist_ok=True)
    migrate(settings.database_url)
    base = urlsplit(settings.public_url).path.rstrip("/")
    return Campus(
        settings=settings,
        database=Database(settings.database_url),
        storage=Storage(settings.storage),
        catalogue=load_catalogue(settings.courses),
        hub=Hub(settings.hub_api_url, settings.portal_token),
        hardware=open_hardware(settings),
        sign_in=HubSignIn(
            hub_path=base + "/hub",
            hub_api_url=settings.hub_api_url,
            callback_path=urlsplit(settings.portal_url).path.rstrip("/") + "/oauth_callback",
            secret=settings.portal_token,
        ),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: PortalSettings = app.state.settings
    here = await run_in_threadpool(open_campus, settings)
    app.state.campus = here
    await run_in_threadpool(_admit_administrators, here)
    await run_in_threadpool(_declare, here)
    syncing = threading.Thread(
        target=keep_in_sync,
        args=(here.database, here.hub),
        kwargs={"wake": here.wake_sync, "stop": here.closing, "on_result": here.note_sync},
        name="hub-sync",
        daemon=True,  # a hub that doesn't answer must not keep the portal from stopping
    )
    syncing.start()
    steward = Steward(here)
    steward.start()
    watch = app.state.attempt_watch = AttemptWatch(here.database)
    app.state.metrics_page = MetricsPage(app.state.request_figures.page, here.in_step.is_set)
    watch.start()
    try:
        yield
    finally:
        here.closing.set()
        await run_in_threadpool(watch.close)
        await run_in_threadpool(steward.join, SYNC_PATIENCE)
        here.wake_sync.set()
        await run_in_threadpool(syncing.join, SYNC_PATIENCE)
        await here.sign_in.close()
        here.hub.close()
        here.database.close()


def _declare(here: Campus) -> None:
    with deciding(here.database) as session:
        apply_declared(session, here.hardware.nodes, datetime.now(UTC))


def _admit_administrators(here: Campus) -> None:
    with here.database.write() as session:
        ensure_administrators(session, here.settings.admins, now=datetime.now(UTC))
