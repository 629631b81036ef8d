"""YAML files of a catalogue. Refuses what YAML would pass over in silence: a key written twice, another encoding."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from courses.model import Text
from courses.problems import Problem, Refusal


def read_document(path: Path) -> Any:
    """What the YAML file holds. Refusal if it isn't UTF-8, isn't YAML, or repeats a key."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refusal(
            Text("UTF-8로 저장된 파일이어야 합니다", "must be saved as UTF-8"),
            Text("편집기에서 인코딩을 UTF-8로 바꾸어 저장하세요", "save it again with the encoding UTF-8"),
        ) from None
    try:
        return yaml.load(text, Loader=StrictLoader)
    except _RepeatedKey as repeated:
        raise Refusal(
            Text(
                f"같은 키를 두 번 쓸 수 없습니다: {repeated.line}번째 줄의 {repeated.key!r}",
                f"must not repeat a key: {repeated.key!r} again on line {repeated.line}",
            ),
            Text("둘 가운데 하나를 지우세요", "remove one of the two"),
        ) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _unreadable(f"{line}번째 줄, {error.problem}", f"line {line}, {error.problem}") from None
    except yaml.YAMLError as error:  # a character that YAML doesn't allow
        said = str(error).splitlines()[0]
        raise _unreadable(said, said) from None


def _unreadable(korean: str, english: str) -> Refusal:
    return Refusal(
        Text(f"YAML로 읽을 수 없습니다: {korean}", f"is not readable as YAML: {english}"),
        Text(
            "들여쓰기를 맞추고, 콜론이 있는 글은 따옴표로 감싸세요",
            "line up the indentation, and put texts that hold a colon in quotes",
        ),
    )


def of_file(file: str, refusal: Refusal) -> Problem:
    """The problem that a refusal of the file as a whole is."""
    return Problem(file, "", None, refusal.rule, refusal.fix)


class _RepeatedKey(Exception):
    def __init__(self, key: object, line: int) -> None:
        super().__init__(str(key))
        self.key = key
        self.line = line


class StrictLoader(yaml.SafeLoader):
    """YAML's safe loader; a key that stands twice in one mapping is an error (PyYAML keeps the last)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):
                if key in seen:
                    raise _RepeatedKey(key, key_node.start_mark.line + 1)
                seen.add(key)
        return super().construct_mapping(node, deep)
