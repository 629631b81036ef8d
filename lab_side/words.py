"""Sentences that the lab says of its own accord, in both languages. What the portal says comes with its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sentence:
    """One sentence in both languages; `{name}` and the like are filled in when it is said."""

    ko: str
    en: str

    def said(self, **values: str) -> Sentence:
        return Sentence(self.ko.format(**values), self.en.format(**values))


LEASE_ENDS = Sentence(
    "GPU 사용 시간이 {at}에 끝납니다. 그때 실습실이 멈추니 작업을 저장하세요.",
    "Your GPU time ends at {at}. The lab stops then: save your work.",
)
YOUR_TURN = Sentence(
    "GPU 차례가 왔습니다. {at}까지 시작하지 않으면 다음 사람에게 넘어갑니다.",
    "Your turn for a GPU has come. Start it by {at}, or it goes to the next person.",
)
