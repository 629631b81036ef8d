"""The campus and the people that the integration tests play with, for measurements."""

from __future__ import annotations

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]

from campus_process import Campus, Lab, Person, wait_for  # noqa: E402
from handing_in import bundle, hand_in  # noqa: E402
from ports import free_port  # noqa: E402

__all__ = ["Campus", "Lab", "Person", "bundle", "free_port", "hand_in", "wait_for"]
