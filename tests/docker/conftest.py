"""What the tests on a container engine share: the marking image, and a sandbox under a name of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from engines import IMAGE

from grader.sandbox.container import ContainerKind, ContainerSandbox


@pytest.fixture(scope="session")
def container() -> Iterator[ContainerSandbox]:
    sandbox = ContainerSandbox(ContainerKind(IMAGE), worker=f"tests-{secrets.token_hex(4)}")
    yield sandbox
    sandbox.close()
