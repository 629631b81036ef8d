"""The application around its pages: settings it can't do without, headers, files, errors, health, description."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_hub import PREFIX
from portal_site import COURSE, Site, make_settings, run_site

from portal.app import check_settings, create_app
from portal.pages import rendering
from portal.settings import SettingsError


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"session_secret": ""}, "BITGOEUL_SESSION_SECRET"),
        ({"session_secret": "short"}, "BITGOEUL_SESSION_SECRET"),
        ({"portal_token": ""}, "BITGOEUL_PORTAL_TOKEN"),
        ({"production": True}, "BITGOEUL_PUBLIC_URL"),
        ({"worker_image": "grader", "worker_devices": ("h100",)}, "BITGOEUL_WORKER_DEVICES: 'h100' must be KIND=ID"),
        ({"worker_devices": ("h100=GPU-1",)}, "set BITGOEUL_WORKER_IMAGE too"),
    ],
)
def test_a_setting_that_is_missing_or_dangerous_keeps_the_portal_from_starting(
    tmp_path: Path, changes: dict[str, Any], names: str
) -> None:
    with pytest.raises(SettingsError, match=names) as caught:
        create_app(make_settings(tmp_path, 1, **changes))
    assert "5e5e" not in str(caught.value)


def test_production_with_https_is_fine(tmp_path: Path) -> None:
    check_settings(make_settings(tmp_path, 1, production=True, public_url="https://campus.example.kr"))


def test_creating_the_application_opens_nothing(tmp_path: Path) -> None:
    create_app(make_settings(tmp_path / "data", 1))
    assert not (tmp_path / "data").exists()


def test_without_its_script_library_the_portal_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "HTMX", Path("node_modules/nothing.js"))
    with pytest.raises(SettingsError, match="npm ci"):
        create_app(make_settings(tmp_path, 1))


@pytest.mark.parametrize(
    "path", ["/", "/cohorts", "/api/me", "/api/health", "/nothing", "/static/portal.css", "/sign-in"]
)
def test_every_answer_carries_the_security_headers(busy_site: Site, path: str) -> None:
    with busy_site.client("haneul.lee") as client:
        headers = client.get(path).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_pages_are_never_kept_by_a_cache_and_versioned_files_for_good(busy_site: Site) -> None:
    with busy_site.client("haneul.lee") as client:
        page = client.get("/")
        assert page.headers["cache-control"] == "no-store"
        style = page.text.split('<link rel="stylesheet" href="')[1].split('"')[0]
        assert "immutable" in client.get(style.removeprefix(PREFIX)).headers["cache-control"]
        assert client.get("/static/portal.css").headers["cache-control"] == "no-store"
        assert client.get("/static/nothing.css?v=1").headers["cache-control"] == "no-store"


def test_no_page_asks_for_anything_from_elsewhere_or_holds_a_script(busy_site: Site) -> None:
    pages = {
        "haneul.lee": ["/", f"/learn/{COURSE}/first-steps"],
        "yuna.kim": ["/", f"/teach/{COURSE}", f"/teach/{COURSE}/assignments/first-steps", f"/teach/{COURSE}/marks"],
        "sera.oh": ["/cohorts", "/cohorts/jc-2026-1", "/cohorts/jc-2026-1/passwords"],
    }
    for who, paths in pages.items():
        with busy_site.client(who) as client:
            for path in paths:
                text = client.get(path).text.replace(busy_site.origin, "")
                assert "http://" not in text.replace('xmlns="http://', ""), path
                assert "https://" not in text, path
                assert text.count("<script") == text.count("<script src=") == 2, path
                assert " style=" not in text, path
                assert not [name for name in ("onclick", "onload", "javascript:") if name in text], path


def test_health_needs_nobody_to_be_signed_in(busy_site: Site) -> None:
    assert httpx.get(f"{busy_site.url}/api/health", trust_env=False).json()["status"] == "ok"


def test_the_api_describes_itself(busy_site: Site) -> None:
    with busy_site.client() as client:
        described = client.get("/api/openapi.json").json()
    assert described["openapi"].startswith("3.")
    assert f"{PREFIX}/api/offerings/{{offering_id}}/assignments/{{assignment}}/release" in described["paths"]
    assert not [path for path in described["paths"] if "/api/" not in path]
    undocumented = [
        (method, path)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if not operation.get("description")
    ]
    assert undocumented == []


def test_an_unknown_address_is_a_page_for_people_and_json_for_programs(busy_site: Site) -> None:
    with busy_site.client("haneul.lee") as client:
        page = client.get("/nothing/here")
        assert page.status_code == 404
        assert "<h1>찾을 수 없습니다</h1>" in page.text
        answer = client.get("/api/nothing")
        assert answer.status_code == 404
        assert answer.json() == {
            "error": "There is nothing at this address.",
            "error_ko": "이 주소에는 아무것도 없습니다.",
        }
        assert client.delete("/api/health").status_code == 405


def test_input_that_makes_no_sense_is_a_sentence(busy_site: Site) -> None:
    with busy_site.client("yuna.kim") as client:
        path = f"/api/offerings/{COURSE}/assignments/first-steps/extensions"
        answer = client.post(path, json={"username": 3})
        assert answer.status_code == 422
        assert "username" in answer.json()["error"]
        assert client.post(path, content=b"{not json").status_code == 422
        assert client.get("/feedback/not-a-number").status_code == 422
        assert client.get("/feedback/99999999999999999999").status_code == 422
        assert client.get("/feedback/-1").status_code == 404


def test_a_fault_of_ours_is_logged_and_shows_no_detail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("portal.pages.student.offerings_of", broken)
    with run_site(tmp_path / "data") as site, site.client("sera.oh") as client, caplog.at_level(logging.ERROR):
        page = client.get("/")
        assert page.status_code == 500
        assert "시스템 오류가 발생해" in page.text
        assert "secret detail" not in page.text
        assert page.headers["x-content-type-options"] == "nosniff"
    assert any("secret detail" in str(record.exc_info) for record in caplog.records)


def test_a_portal_that_was_killed_comes_back_with_its_data(tmp_path: Path) -> None:
    from portal_site import fill

    with run_site(tmp_path / "data") as site:
        fill(site)
    with run_site(tmp_path / "data") as site, site.client("haneul.lee") as client:
        assert len(client.get("/api/me/assignments").json()) == 5
