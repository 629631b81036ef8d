"""One warm parent for all tests that need two real interpreters."""

from __future__ import annotations

import pytest
from judged import Judged


@pytest.fixture(scope="session")
def judged():
    made = Judged(("numpy", "pandas", "matplotlib.pyplot", "sklearn.neighbors", "sklearn.ensemble", "sklearn.pipeline"))
    yield made
    made.close()
