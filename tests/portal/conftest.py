"""Campuses for the portal's tests: one that is busy, to look at; one of one's own, to change; one that is empty."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from portal_site import COURSE, FEEDBACK_HTML, Site, fill, hand_in, run_site

from grader.models import MarkingState


@pytest.fixture(scope="session")
def busy_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A campus in the middle of a term; tests that share it only look."""
    with run_site(tmp_path_factory.mktemp("busy") / "data") as site:
        fill(site)
        here = site.campus
        page = FEEDBACK_HTML
        hand_in(here, COURSE, "first-steps", "haneul.lee", ago=timedelta(days=3), score=6, max_score=10, feedback=page)
        hand_in(
            here,
            COURSE,
            "first-steps",
            "haneul.lee",
            number=2,
            ago=timedelta(days=2),
            score=9.5,
            max_score=10,
            feedback=page,
        )
        hand_in(here, COURSE, "cafe-sales", "haneul.lee", state=MarkingState.RUNNING, ago=timedelta(minutes=1))
        hand_in(here, COURSE, "first-steps", "minseo.kim", score=10, max_score=10, feedback=page)
        hand_in(here, COURSE, "first-steps", "jiho.jung", score=4.25, max_score=10, feedback=page, integrity="suspect")
        hand_in(here, COURSE, "first-steps", "seoyeon.choi", state=MarkingState.FAILED)
        hand_in(here, COURSE, "first-steps", "doyun.han", state=MarkingState.QUEUED, ago=timedelta(seconds=20))
        ml = "jc-2026-1-machine-learning"
        hand_in(here, ml, "first-classifier", "haneul.lee", score=12, max_score=20, needs_manual=True)
        hand_in(here, ml, "first-classifier", "minseo.kim", score=15, max_score=20, feedback=page, released=False)
        yield site


@pytest.fixture(scope="session")
def filled_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a campus with two cohorts, to copy: opening cohorts takes most of a test's time."""
    folder = tmp_path_factory.mktemp("filled") / "data"
    with run_site(folder) as site:
        fill(site)
    return folder


@pytest.fixture
def site(tmp_path: Path, filled_data: Path) -> Iterator[Site]:
    """A campus of one's own, to change."""
    shutil.copytree(filled_data, tmp_path / "data")
    with run_site(tmp_path / "data") as site:
        yield site


@pytest.fixture
def empty_site(tmp_path: Path) -> Iterator[Site]:
    """A campus that was started and nothing else."""
    with run_site(tmp_path / "data") as site:
        yield site
