"""Cohorts, their members and their rosters over HTTP, for administrators; a cohort's staff may read its members.

Owns the routes below /api that speak of cohorts. A roster changes nothing until its import is applied.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from cohorts.access import offerings_of, require_admin, require_cohort_reader
from cohorts.cohorts import get_cohort, list_cohorts, list_members
from cohorts.errors import Invalid, TooLarge
from cohorts.roster import MAX_BYTES, apply_import, drop_import, load_preview, preview_roster
from portal.api.cohort_shapes import CohortShape, Confirmation, MemberShape, MyOffering, NewCohort, PreviewShape
from portal.context import Campus, campus
from portal.identity import Identity, current_user

router = APIRouter(prefix="/api", tags=["cohorts"])

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]
ROSTER_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


def administrator(here: Here, user: User) -> Identity:
    """The caller, who runs the campus; Forbidden for everybody else, a server's own token included."""
    with here.database.read() as session:
        require_admin(session, user.username if user.is_admin else "")
    return user


Admin = Annotated[Identity, Depends(administrator)]


@router.post("/cohorts", status_code=201)
def create(here: Here, _admin: Admin, wanted: NewCohort) -> CohortShape:
    """Open a cohort on a track, with an offering for each of the track's courses."""
    from portal.campus import open_cohort  # composes grader and courses; not needed to read a roster

    cohort = open_cohort(
        here,
        cohort_id=wanted.id,
        track=wanted.track,
        starts_on=wanted.starts_on,
        title=wanted.title,
        timezone=wanted.timezone,
        now=datetime.now(UTC),
    )
    here.wake_sync.set()
    return show(here, _admin, cohort.id)


@router.get("/cohorts")
def list_all(here: Here, _admin: Admin) -> list[CohortShape]:
    """All cohorts, the newest start first."""
    with here.database.read() as session:
        return [CohortShape.of(cohort) for cohort in list_cohorts(session)]


@router.get("/cohorts/{cohort_id}")
def show(here: Here, _admin: Admin, cohort_id: str) -> CohortShape:
    """One cohort with its offerings."""
    with here.database.read() as session:
        return CohortShape.of(get_cohort(session, cohort_id))


@router.get("/cohorts/{cohort_id}/members")
def members(here: Here, user: User, cohort_id: str, withdrawn: bool = False) -> list[MemberShape]:
    """The cohort's members, staff first; for administrators and the cohort's own staff."""
    with here.database.read() as session:
        if not user.is_admin:
            require_cohort_reader(session, user.username, cohort_id)
        return [MemberShape.of(row) for row in list_members(session, cohort_id, withdrawn=withdrawn)]


@router.post("/cohorts/{cohort_id}/roster", status_code=201, openapi_extra=ROSTER_BODY)
async def upload_roster(
    request: Request,
    here: Here,
    admin: Admin,
    cohort_id: str,
    filename: Annotated[str, Query(description="Name of the file, when the body is the CSV itself")] = "roster.csv",
) -> PreviewShape:
    """Preview a roster (the CSV as body, or a form with `file`); nothing is applied."""
    data, filename = await _uploaded(request, filename)

    def write() -> PreviewShape:
        with here.database.write() as session:
            preview = preview_roster(
                session, cohort_id=cohort_id, filename=filename, data=data, by=admin.username, now=datetime.now(UTC)
            )
            return PreviewShape.of(preview)

    return await run_in_threadpool(write)


@router.get("/roster-imports/{import_id}")
def show_import(here: Here, _admin: Admin, import_id: int) -> PreviewShape:
    """An import, with its difference against the cohort as it is now."""
    with here.database.read() as session:
        return PreviewShape.of(load_preview(session, import_id))


@router.post("/roster-imports/{import_id}/apply")
def apply(here: Here, admin: Admin, import_id: int, confirmation: Confirmation | None = None) -> PreviewShape:
    """Apply an import whole or not at all; answers what was changed."""
    with here.database.write() as session:
        preview = apply_import(
            session,
            import_id,
            by=admin.username,
            now=datetime.now(UTC),
            confirm=confirmation is not None and confirmation.confirm,
        )
    here.wake_sync.set()
    return PreviewShape.of(preview)


@router.post("/roster-imports/{import_id}/drop")
def drop(here: Here, admin: Admin, import_id: int) -> PreviewShape:
    """Put an import away unapplied."""
    with here.database.write() as session:
        drop_import(session, import_id, by=admin.username, now=datetime.now(UTC))
        return PreviewShape.of(load_preview(session, import_id))


@router.get("/me/offerings")
def my_offerings(here: Here, user: User) -> list[MyOffering]:
    """The courses that the caller takes part in now, the latest start first."""
    with here.database.read() as session:
        return [MyOffering.of(offering, role) for offering, role in offerings_of(session, user.username)]


async def _uploaded(request: Request, filename: str) -> tuple[bytes, str]:
    """The roster's bytes and the file's name, from a form or from the body; raises TooLarge, Invalid."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=1, max_fields=10) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Invalid(
                    "The form has no file: send it in the field 'file'.",
                    "양식에 파일이 없습니다. 'file' 항목에 담아 보내 주세요.",
                )
            return await file.read(MAX_BYTES + 1), file.filename or filename
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BYTES:
            raise TooLarge(
                f"The roster has more than {MAX_BYTES:,} bytes. Does it hold anything but people?",
                f"명단 파일이 {MAX_BYTES:,}바이트를 넘습니다. 명단만 남겨 주세요.",
            )
    return bytes(data), filename
