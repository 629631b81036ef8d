"""What of the container sandbox needs no engine: framing, hardening, ownership, the modules that are sent."""

from __future__ import annotations

import ast
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grader.sandbox.base import MIB, Opening
from grader.sandbox.container_engine import Found
from grader.sandbox.container_job import read_modules
from grader.sandbox.container_owner import SURELY_OVER, Owner, is_left_behind, process_named
from grader.sandbox.container_plan import ContainerKind, build_host_config, build_plan
from grader.sandbox.container_stream import ContainerStream

LABELS = {"label": "x"}


def frame(kind: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", kind, len(data)) + data


@pytest.fixture
def ends() -> Iterator[tuple[ContainerStream, socket.socket]]:
    ours, engine = socket.socketpair()
    ours.setblocking(False)
    stream = ContainerStream(ours)
    yield stream, engine
    stream.close()
    engine.close()


def test_what_a_program_writes_arrives_without_its_frames_and_errors_are_kept_apart(
    ends: tuple[ContainerStream, socket.socket],
) -> None:
    stream, engine = ends
    engine.sendall(frame(1, b"one") + frame(2, b"trouble") + frame(1, b"two"))
    assert (stream.recv(100), stream.recv(100), stream.errors) == (b"one", b"two", b"trouble")
    with pytest.raises(BlockingIOError):
        stream.recv(100)


def test_a_frame_that_arrives_byte_by_byte_is_read_as_one(ends: tuple[ContainerStream, socket.socket]) -> None:
    stream, engine = ends
    got = b""
    for number in frame(1, b"slowly"):
        engine.sendall(bytes([number]))
        try:
            got += stream.recv(100)
        except BlockingIOError:
            continue
    assert got == b"slowly"


def test_the_end_of_the_stream_is_the_end(ends: tuple[ContainerStream, socket.socket]) -> None:
    stream, engine = ends
    engine.sendall(frame(1, b"last")[:-1])
    engine.shutdown(socket.SHUT_WR)
    assert (stream.recv(100), stream.recv(100)) == (b"las", b"")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("NetworkMode", "none"),
        ("ReadonlyRootfs", True),
        ("CapDrop", ["ALL"]),
        ("SecurityOpt", ["no-new-privileges"]),
        ("Privileged", False),
        ("PidsLimit", 128),
        ("Memory", 2048 * MIB),
        ("MemorySwap", 2048 * MIB),
        ("NanoCpus", 1_500_000_000),
        ("RestartPolicy", {"Name": "no"}),
    ],
)
def test_a_container_is_hardened(key: str, value: object) -> None:
    plan = build_plan(ContainerKind("image", cpus=1.5), Opening(), LABELS, "0", None)
    assert build_host_config(plan)[key] == value


def test_only_the_devices_that_were_given_are_asked_for() -> None:
    without = build_plan(ContainerKind("image"), Opening(), LABELS, "0", None)
    assert "DeviceRequests" not in build_host_config(without)
    assert without.environment["NVIDIA_VISIBLE_DEVICES"] == "void"
    given = build_plan(ContainerKind("image", devices=("MIG-1", "MIG-2")), Opening(), LABELS, "0", None)
    (request,) = build_host_config(given)["DeviceRequests"]
    assert (request["DeviceIDs"], request["Count"]) == (["MIG-1", "MIG-2"], 0)
    assert "NVIDIA_VISIBLE_DEVICES" not in given.environment


@pytest.mark.parametrize("volume", [None, "shared"])
def test_nothing_of_the_host_is_mounted(volume: str | None) -> None:
    config = build_host_config(build_plan(ContainerKind("image"), Opening(), LABELS, "0", volume))
    assert "Binds" not in config
    assert [mount["Type"] for mount in config["Mounts"]] == ["volume"] * bool(volume)
    assert all("size=" in options and "nosuid,nodev" in options for options in config["Tmpfs"].values())


def test_every_module_of_ours_that_runs_inside_is_sent() -> None:
    sources = read_modules()
    wanted = {
        name
        for source in sources.values()
        for node in ast.walk(ast.parse(source))
        for name in _imported(node)
        if name.split(".")[0] in ("grader", "courses", "cohorts", "portal")
    }
    optional = {"grader.sandbox.base", "grader.sandbox.detect", "grader.sandbox"}  # the package's own, on the outside
    assert {name for name in wanted if name not in sources} <= optional


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module not in (None, "grader.sandbox"):
        return [str(node.module)]
    if isinstance(node, ast.ImportFrom) and node.module == "grader.sandbox":
        return [f"grader.sandbox.{alias.name}" for alias in node.names]
    return []


ME = Owner("one", "host", process_named(os.getpid()) or "")


@pytest.mark.parametrize(
    ("owner", "running", "age", "left"),
    [
        pytest.param(ME, True, 9e9, False, id="mine"),
        pytest.param(replace(ME, worker="two"), True, 9e9, False, id="another-sandbox-of-this-process"),
        pytest.param(replace(ME, process=f"{os.getpid()}/1"), True, 1, True, id="an-earlier-process-with-this-pid"),
        pytest.param(replace(ME, process="999999999/1"), True, 1, True, id="a-process-that-is-gone"),
        pytest.param(replace(ME, process=""), True, 1, True, id="a-process-that-never-was"),
        pytest.param(replace(ME, host="other"), True, 1, True, id="this-worker-in-an-earlier-container"),
        pytest.param(Owner("two", "other", "1/1"), True, 9e9, False, id="a-running-one-of-another-host"),
        pytest.param(Owner("two", "other", "1/1"), False, 1, False, id="one-that-has-just-ended-elsewhere"),
        pytest.param(Owner("two", "other", "1/1"), False, SURELY_OVER + 1, True, id="one-that-ended-long-ago"),
    ],
)
def test_what_nobody_looks_after_is_left_behind(owner: Owner, running: bool, age: float, left: bool) -> None:
    assert is_left_behind(Found("id", owner.labels, running, age), ME) is left


def test_the_source_of_what_starts_a_container_fits_on_a_command_line() -> None:
    import grader.sandbox.container_boot as boot

    assert len(Path(boot.__file__).read_bytes()) < 100_000
