"""What it means that a watched interpreter showed something that the reference solution's did not.

Owns the rules and the sentences of the findings that come of it. Whoever reads them looks at the notebook themself.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from courses.model import Text
from grader.judge.free_names import transformed
from grader.sandbox.base import Look

HOLDS_ASIDE = "holds aside"
MOST_NAMED = 6

RULES: Mapping[str, tuple[str, Text]] = {
    "alarm": (
        "reads-the-judge",
        Text(
            ko="학생 코드가 실행 중인 인터프리터의 내부를 들여다보았습니다: {what}",
            en="The student's code reached into the interpreter that was running it: {what}",
        ),
    ),
    "word": (
        "reads-the-judge",
        Text(
            ko="학생 코드가 검사의 변수나 소스가 들어 있는 곳을 읽습니다: {what}",
            en="The student's code reads where a test's variables or source are kept: {what}",
        ),
    ),
    "changed": (
        "interpreter-changed",
        Text(
            ko="라이브러리나 인터프리터의 일부가 학생 코드로 바뀌었습니다: {what}",
            en="Parts of a library or of the interpreter were replaced by the student's code: {what}",
        ),
    ),
    "class": (
        "answers-anything",
        Text(
            ko="비교나 계산을 스스로 정하는 클래스가 노트북에 있습니다: {what}",
            en="The notebook has a class that decides for itself how it compares or computes: {what}",
        ),
    ),
    "type": (
        "answers-anything",
        Text(
            ko="검사가 무엇과도 같다고 답할 수 있는 값을 받았습니다: {what}",
            en="The test was given a value that can answer to anything: {what}",
        ),
    ),
    "file": (
        "data-changed",
        Text(
            ko="검사가 읽는 자료 파일이 바뀌었습니다: {what}",
            en="A data file that the tests rely on was changed: {what}",
        ),
    ),
    "false": (
        "errors-swallowed",
        Text(
            ko="실패한 검사가 있었지만 학생 코드가 그 오류를 삼켰습니다.",
            en="A check of the test failed, and the student's code swallowed the error.",
        ),
    ),
}
NOT_ENDED = Text(
    ko="검사가 끝까지 실행되지 않았지만 오류도 보이지 않았습니다. 오류를 숨기는 코드가 있는지 확인하세요.",
    en="The test did not come to its end, yet showed no error. Look for code that hides errors.",
)
SKIPPED = Text(
    ko="기준 풀이에서 실행된 검사 일부가 여기서는 실행되지 않았습니다. 검사를 건너뛰게 하는 코드가 있는지 확인하세요.",
    en="Checks that ran for the reference solution did not run here. Look for code that makes the test skip them.",
)
FORGED = Text(
    ko="검사가 보여 준 결과가 검사가 계산한 값과 다릅니다.",
    en="The result that the test showed is not the value it computed.",
)
NOT_ASIDE = Text(
    ko="검사가 쓰는 이름과 자료를 원래대로 되돌리면 통과하지 못합니다."
    " 그것을 바꾸거나 검사의 변수를 엿보는 코드가 있는지 확인하세요.",
    en="The test does not pass once the names and data it relies on are as the instructor made them."
    " Look for code that changes them, or that looks at the test's own variables.",
)


def telling(look: Look) -> frozenset[str]:
    """What a look shows, as it is kept of the reference solution."""
    return look.seen | {f"alarm {what}" for what in look.alarms}


def suspicions(shown: frozenset[str], known: frozenset[str] | None, *, ended: bool) -> Iterator[tuple[str, Text]]:
    """Rules and sentences for what one passed test's interpreter showed; `known` is what the reference's showed."""
    allowed = known or frozenset()
    for kind, (rule, text) in RULES.items():
        found = sorted(item.partition(" ")[2] for item in shown - allowed if item.partition(" ")[0] == kind)
        if found:
            what = ", ".join(found[:MOST_NAMED])
            yield rule, Text(ko=text.ko.format(what=what), en=text.en.format(what=what))
    if not ended:
        yield "errors-swallowed", NOT_ENDED
    if any(item.startswith("reached ") for item in allowed - shown):
        yield "checks-skipped", SKIPPED
    if HOLDS_ASIDE not in shown and (known is None or HOLDS_ASIDE in known):
        yield "passes-only-here", NOT_ASIDE


def is_forged(source: str, outputs: Sequence[Mapping[str, Any]], look: Look) -> bool:
    """Whether the outputs of the test `source` show a result that it did not end in."""
    results = [output["data"].get("text/plain") for output in outputs if output["output_type"] == "execute_result"]
    if not results:
        return False
    if len(results) > 1 or not look.ended or not _ends_in_value(source):
        return True
    if look.result is None:
        return False
    try:
        shown, computed = _number(str(results[0])), _number(look.result)
    except ValueError:
        return True
    return not math.isclose(shown, computed, rel_tol=0.01, abs_tol=0.01) and not math.isnan(computed)


def _number(text: str) -> float:
    return float({"True": "1", "False": "0"}.get(text, text))


def _ends_in_value(source: str) -> bool:
    try:
        body = ast.parse(transformed(source)).body
    except (SyntaxError, ValueError, RecursionError):
        return True
    return bool(body) and isinstance(body[-1], ast.Expr)
