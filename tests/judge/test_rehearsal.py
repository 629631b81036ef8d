"""What a warm parent rehearses is judged as it should be, and each of its tests does judge."""

from __future__ import annotations

from typing import Any

import pandas  # noqa: F401  what is loaded is rehearsed
import pytest

from grader.judge import rehearsal


class Shell:
    """Runs cells in a namespace, and keeps what they raised."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {}
        self.ran: list[str] = []

    def use_namespace(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace

    def run(self, index: int, source: str, *, count: int) -> None:
        self.ran.append(source)
        exec(source, {}, self.namespace)


def test_every_test_is_passed_by_the_answers_as_often_as_cpython_wants_to_see_it() -> None:
    shell = Shell()
    rehearsal.rehearse(shell)
    assert {source: shell.ran.count(source) for source in rehearsal.TESTS.values()} == dict.fromkeys(
        rehearsal.TESTS.values(), rehearsal.TIMES
    )


@pytest.mark.parametrize(
    ("library", "right", "wrong"),
    [
        ("builtins", "return x + y", "return y"),
        ("numpy", "values.std()", "2"),
        ("pandas", ".mean()", ".max()"),
    ],
)
def test_a_wrong_answer_is_found_out(library: str, right: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert right in rehearsal.ANSWERS[library]
    answers = rehearsal.ANSWERS | {library: rehearsal.ANSWERS[library].replace(right, wrong)}
    monkeypatch.setattr(rehearsal, "ANSWERS", answers)
    with pytest.raises(AssertionError):
        rehearsal.rehearse(Shell())
