"""Which sandbox a job takes."""

from __future__ import annotations

import pytest

from grader.sandbox.base import SandboxUnavailable
from grader.sandbox.choosing import Kind, sandbox_for

OWN = "campus"


@pytest.mark.parametrize("production", [False, True], ids=["demonstration", "production"])
@pytest.mark.parametrize(
    ("hardware", "image", "own", "kind"),
    [
        pytest.param("cpu", None, None, Kind.FORK, id="cpu-work"),
        pytest.param("cpu", None, OWN, Kind.FORK, id="cpu-work-on-an-image"),
        pytest.param("cpu", OWN, OWN, Kind.FORK, id="the-campus's-image-by-name"),
        pytest.param("cpu", "other", OWN, Kind.CONTAINER, id="another-image"),
        pytest.param("cpu", "other", None, Kind.CONTAINER, id="an-image-where-the-campus-has-none"),
        pytest.param("h100", None, OWN, Kind.CONTAINER, id="gpu"),
        pytest.param("h100-1g", OWN, OWN, Kind.CONTAINER, id="gpu-on-the-campus's-image"),
    ],
)
def test_work_on_the_processor_in_the_campuss_own_image_is_forked_and_all_else_gets_a_container(
    hardware: str, image: str | None, own: str | None, kind: Kind, production: bool
) -> None:
    assert sandbox_for(hardware, image, own_image=own, namespaces=True, production=production) is kind


@pytest.mark.parametrize("namespaces", [False, True])
def test_a_container_needs_no_namespaces_of_the_workers_own(namespaces: bool) -> None:
    found = sandbox_for("h100", None, own_image=None, namespaces=namespaces, production=True)
    assert found is Kind.CONTAINER


def test_a_demonstration_without_namespaces_gets_the_process_sandbox() -> None:
    assert sandbox_for("cpu", None, own_image=None, namespaces=False, production=False) is Kind.PROCESS


def test_production_without_namespaces_gets_nothing_for_cpu_work() -> None:
    with pytest.raises(SandboxUnavailable, match="can't isolate") as refusal:
        sandbox_for("cpu", None, own_image=None, namespaces=False, production=True)
    assert "격리할 수 없고" in refusal.value.korean
