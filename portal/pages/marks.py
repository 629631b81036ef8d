"""The marks of an offering, to look at and to take home in a spreadsheet."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cohorts.access import require_staff
from cohorts.models import Offering
from portal.context import Campus, campus
from portal.identity import Identity, current_user
from portal.marks import marks_csv, marks_table
from portal.pages.courses import course_view
from portal.pages.rendering import page, speaker

router = APIRouter(prefix="/teach", include_in_schema=False)

Here = Annotated[Campus, Depends(campus)]
User = Annotated[Identity, Depends(current_user)]


@router.get("/{offering_id}/marks")
def marks_page(request: Request, here: Here, user: User, offering_id: str) -> Response:
    """Students by assignments."""
    with here.database.read() as session:
        role = require_staff(session, user.username, offering_id)
        offering = session.get_one(Offering, offering_id)
        values = {
            "course": course_view(session, here.catalogue, offering, role, user.locale),
            "table": marks_table(session, offering, here.settings.offerings / offering_id),
        }
        return page(request, "marks.html", values)


@router.get("/{offering_id}/marks.csv")
def marks_file(request: Request, here: Here, user: User, offering_id: str) -> Response:
    """The same as a CSV file."""
    with here.database.read() as session:
        require_staff(session, user.username, offering_id)
        offering = session.get_one(Offering, offering_id)
        table = marks_table(session, offering, here.settings.offerings / offering_id)
        return csv_response(marks_csv(table, speaker(request)), offering_id)


def csv_response(content: bytes, offering_id: str) -> Response:
    """`content` as a file to keep; offering ids are plain ASCII, so the name needs no escape."""
    disposition = f'attachment; filename="{offering_id}-marks.csv"'
    return Response(content, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})
