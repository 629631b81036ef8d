"""Pages of a roster: upload, what it would change, apply or drop. `cohorts.roster` decides everything."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response, UploadFile
from sqlalchemy.orm import Session

from cohorts.cohorts import get_cohort
from cohorts.errors import CampusError, NotFound
from cohorts.roster import MAX_BYTES, Preview, apply_import, drop_import, load_preview, preview_roster
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.pages.admin import show_cohort
from portal.pages.rendering import page, see

router = APIRouter(prefix="/cohorts", include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


@router.post("/{cohort_id}/roster")
def upload(request: Request, here: Here, user: User, cohort_id: str, roster: UploadFile) -> Response:
    """Take a roster in and show what it would change."""
    data = roster.file.read(MAX_BYTES + 1)
    try:
        with here.database.write() as session:
            preview = preview_roster(
                session,
                cohort_id=cohort_id,
                filename=roster.filename or "roster.csv",
                data=data,
                by=user.username,
                now=datetime.now(UTC),
            )
    except CampusError as error:
        return show_cohort(request, here, user, cohort_id, error=error)
    return see(request, f"/cohorts/{cohort_id}/roster/{preview.id}")


@router.get("/{cohort_id}/roster/{import_id}")
def preview_page(request: Request, here: Here, cohort_id: str, import_id: int) -> Response:
    """What the roster would change, or what became of it."""
    return show_preview(request, here, cohort_id, import_id)


@router.post("/{cohort_id}/roster/{import_id}/apply")
def apply(
    request: Request, here: Here, user: User, cohort_id: str, import_id: int, confirm: Annotated[str, Form()] = ""
) -> Response:
    """Do what the preview says, in one transaction."""
    try:
        with here.database.write() as session:
            _load(session, cohort_id, import_id)
            apply_import(session, import_id, by=user.username, now=datetime.now(UTC), confirm=confirm == "yes")
    except CampusError as error:
        return show_preview(request, here, cohort_id, import_id, error=error)
    here.wake_sync.set()
    return see(request, f"/cohorts/{cohort_id}", done="applied")


@router.post("/{cohort_id}/roster/{import_id}/drop")
def drop(request: Request, here: Here, user: User, cohort_id: str, import_id: int) -> Response:
    """Put the roster away."""
    try:
        with here.database.write() as session:
            _load(session, cohort_id, import_id)
            drop_import(session, import_id, by=user.username, now=datetime.now(UTC))
    except CampusError as error:
        return show_preview(request, here, cohort_id, import_id, error=error)
    return see(request, f"/cohorts/{cohort_id}", done="dropped")


def show_preview(
    request: Request, here: Campus, cohort_id: str, import_id: int, *, error: CampusError | None = None
) -> Response:
    """The preview's page, with what went wrong."""
    with here.database.read() as session:
        values = {
            "cohort": get_cohort(session, cohort_id),
            "preview": _load(session, cohort_id, import_id),
            "error": error,
        }
        return page(request, "roster.html", values, status=error.status if error else 200)


def _load(session: Session, cohort_id: str, import_id: int) -> Preview:
    """The import, if it is this cohort's."""
    preview = load_preview(session, import_id)
    if preview.cohort_id != cohort_id:
        raise NotFound(f"There is no roster import {import_id}.", f"명단 {import_id}번이 없습니다.")
    return preview
