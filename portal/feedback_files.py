"""What a feedback bundle (a gzipped tar in storage) holds for a reader: its HTML files. Reads, never unpacks."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

from cohorts.errors import NotFound, TooLarge
from grader.models import Feedback
from grader.storage import Storage

LARGEST = 32 * 1024 * 1024


def html_names(storage: Storage, feedback: Feedback) -> list[str]:
    """Names of the bundle's HTML files, sorted."""
    with storage.open(feedback.sha256) as file, tarfile.open(fileobj=file, mode="r:gz") as bundle:
        return sorted(member.name for member in _html(bundle))


def read_html(storage: Storage, feedback: Feedback, name: str) -> bytes:
    """The HTML file `name` of the bundle; NotFound if it holds no such file, TooLarge if it is no page to look at."""
    with storage.open(feedback.sha256) as file, tarfile.open(fileobj=file, mode="r:gz") as bundle:
        for member in _html(bundle):
            if member.name == name and (content := bundle.extractfile(member)) is not None:
                if member.size > LARGEST:
                    raise TooLarge(
                        f"{name} has {member.size:,} bytes, too many to show; fetch the feedback in the lab instead.",
                        f"{name}은(는) {member.size:,}바이트라 여기서 볼 수 없습니다. 실습실에서 받으세요.",
                    )
                return content.read()
    raise NotFound(f"This feedback holds no {name!r}.", f"이 피드백에 {name!r} 파일이 없습니다.")


def _html(bundle: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in bundle:
        if member.isfile() and member.name.endswith(".html") and "/" not in member.name:
            yield member
