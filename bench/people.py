"""The campus and the people that the integration tests play with, for measurements."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from campus_process import Campus, Lab, Person
from handing_in import bundle, hand_in, headers_for
from ports import free_port
from waiting import wait_for

__all__ = ["Campus", "Lab", "Person", "bundle", "free_port", "hand_in", "headers_for", "wait_for"]
