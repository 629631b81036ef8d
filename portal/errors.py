"""How errors reach people: a JSON object for programs, a page in the person's language for browsers.

A CampusError is a sentence meant to be read; anything else is logged with its trace and shown without detail.
"""

from __future__ import annotations

import logging
from typing import cast
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from cohorts.errors import CampusError, Invalid, TooLarge
from grader.release_report import ReleaseRefused
from portal.context import campus
from portal.identity import SignInNeeded
from portal.middleware import HEADERS, REQUEST_HEADER
from portal.pages.rendering import page

log = logging.getLogger("bitgoeul.portal")


class _Answer(CampusError):
    """A CampusError made of something that isn't one."""

    def __init__(self, status: int, message: str, korean: str) -> None:
        super().__init__(message, korean)
        self.status = status


HTTP_TEXTS = {
    404: ("There is nothing at this address.", "이 주소에는 아무것도 없습니다."),
    405: ("This address does not take that method.", "이 주소에서는 사용할 수 없는 요청 방식입니다."),
    413: ("That is more than may be sent here; nothing was changed.", "보낸 내용이 너무 커서 반영하지 않았습니다."),
}


def add_error_handlers(app: FastAPI) -> None:
    """Make `app` answer errors in the two forms."""
    app.add_exception_handler(CampusError, _campus_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(OverflowError, _out_of_range)
    app.add_exception_handler(DataError, _out_of_range)
    app.add_exception_handler(Exception, _fault)


def wants_json(request: Request) -> bool:
    """Whether the request is for the API rather than a page."""
    return request.url.path.startswith(campus(request).prefix + "/api/")


async def _campus_error(request: Request, error: Exception) -> Response:
    return answer(request, cast(CampusError, error))


async def _validation_error(request: Request, error: Exception) -> Response:
    problems = cast(RequestValidationError, error).errors()
    shown = "; ".join(f"{'.'.join(str(part) for part in item['loc'][1:])}: {item['msg']}" for item in problems[:5])
    return answer(request, _Answer(422, f"Not understood: {shown}.", f"요청을 이해하지 못했습니다: {shown}."))


async def _http_error(request: Request, error: Exception) -> Response:
    known = cast(HTTPException, error)
    english, korean = HTTP_TEXTS.get(known.status_code, (str(known.detail), str(known.detail)))
    return answer(request, _Answer(known.status_code, english, korean))


async def _out_of_range(request: Request, _error: Exception) -> Response:
    """A number that no row can have: SQLite's driver and PostgreSQL each say so in their own way."""
    return answer(request, Invalid("A number in the address is out of range.", "주소에 있는 숫자가 범위를 벗어납니다."))


async def refuse_large(request: Request) -> Response:
    """The answer to more than may be sent."""
    return answer(request, TooLarge(*HTTP_TEXTS[413]))


async def _fault(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    response = answer(
        request,
        _Answer(
            500,
            "Something went wrong on our side, and was logged. Try again; if it stays, tell your programme office "
            f"this number: {_request_id(request)}",
            "시스템 오류가 발생해 기록해 두었습니다. 다시 시도해 보고, 계속되면 운영 사무실에 이 번호를 알려 주세요: "
            f"{_request_id(request)}",
        ),
    )
    response.headers.update(HEADERS)  # this one answer is made outside of the middleware
    response.headers[REQUEST_HEADER] = _request_id(request)
    return response


def _request_id(request: Request) -> str:
    """The id under which the log tells of this request."""
    return str(getattr(request.state, "request_id", ""))


def answer(request: Request, error: CampusError) -> Response:
    """The answer that tells `error`: JSON below /api, else a page; somebody unknown is sent to sign in."""
    if wants_json(request):
        headers = {"WWW-Authenticate": "token"} if error.status == 401 else None
        told: dict[str, object] = {"error": error.message, "error_ko": error.korean}
        if isinstance(error, ReleaseRefused):
            told["report"] = error.report.to_dict()
        return JSONResponse(told, error.status, headers)
    if isinstance(error, SignInNeeded) and request.method == "GET":
        here = campus(request)
        wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{here.prefix}/sign-in?next={quote(wanted)}", 303)
    return page(request, "error.html", {"error": error, "request_id": _request_id(request)}, status=error.status)
