"""Packing and unpacking: the same bytes for the same files, tars of all usual makers, nothing outside the folder."""

from __future__ import annotations

import gzip
import io
import os
import random
import subprocess
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from exchange_campus import NOTEBOOK, tar_gz

from grader.exchange.archive_rules import ArchiveError, Limits
from grader.exchange.tarball import check, pack, pack_contents, unpack

LONG = "아주-긴-이름-" * 12 + ".ipynb"
TREE = {"ps1.ipynb": NOTEBOOK, "data/표.csv": "가,나\n", "data/deep/er/x.txt": "x" * 1000, LONG: "long", "empty": ""}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    for name, content in TREE.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def packed(folder: Path, **options: tuple[str, ...]) -> bytes:
    out = io.BytesIO()
    pack(folder, out, **options)  # type: ignore[arg-type]
    return out.getvalue()


def below(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_same_files_make_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    first = packed(tree)
    for path in sorted(tree.rglob("*"), reverse=True):
        os.utime(path, (0, 0))
        path.chmod(0o700)
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", tree, copy], check=True)
    assert packed(tree) == first == packed(copy)


def test_files_that_are_on_no_disk_are_packed_as_those_that_are(tree: Path) -> None:
    out = io.BytesIO()
    pack_contents({name: content.encode() for name, content in TREE.items()}, out)
    assert out.getvalue() == packed(tree)
    with pytest.raises(ArchiveError):
        pack_contents({"../out": b""}, io.BytesIO())
    with pytest.raises(ArchiveError):
        pack_contents({"a": bytes(11)}, io.BytesIO(), limits=Limits(file_bytes=10))


def test_what_is_packed_unpacks_to_the_same_files(tree: Path, tmp_path: Path) -> None:
    entries = unpack(io.BytesIO(packed(tree)), tmp_path / "out")
    assert below(tmp_path / "out") == TREE
    assert sorted(entry.name for entry in entries) == sorted(TREE)


@pytest.mark.parametrize("form", ["gnu", "pax", "ustar", "v7", "oldgnu", "python-gnu", "python-pax"])
def test_tars_of_other_makers_unpack(tree: Path, tmp_path: Path, form: str) -> None:
    if form in ("ustar", "v7"):
        (tree / LONG).unlink()
    bundle = tmp_path / "bundle.tar.gz"
    if form.startswith("python"):
        kind = tarfile.GNU_FORMAT if form == "python-gnu" else tarfile.PAX_FORMAT
        with tarfile.open(bundle, "w:gz", format=kind) as tar:
            tar.add(tree, arcname=".")
    else:
        subprocess.run(["tar", "-czf", bundle, f"--format={form}", "-C", tree, "."], check=True)
    with bundle.open("rb") as file:
        unpack(file, tmp_path / "out")
    assert below(tmp_path / "out") == below(tree)


def test_ignored_names_and_links_stay_out(tree: Path) -> None:
    (tree / ".ipynb_checkpoints").mkdir()
    (tree / ".ipynb_checkpoints" / "ps1.ipynb").write_text("old")
    (tree / "secret").symlink_to("/etc/passwd")
    (tree / "folder").symlink_to("/etc")
    skipped: list[str] = []
    out = io.BytesIO()
    entries = pack(tree, out, ignore=(".ipynb_checkpoints",), on_skip=skipped.append)
    assert sorted(entry.name for entry in entries) == sorted(TREE)
    assert sorted(skipped) == ["folder", "secret"]
    with pytest.raises(ArchiveError, match="link or a special file"):
        packed(tree)


def test_a_refused_archive_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    bad = tar_gz({"a.txt": "a", "deep/b.txt": "b", "../../c.txt": "c"})
    with pytest.raises(ArchiveError):
        unpack(io.BytesIO(bad), out)
    assert below(out) == {"mine.txt": "mine"}
    assert sorted(tmp_path.iterdir()) == [out]


def test_nothing_is_written_over_or_through_a_link(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "target").write_text("untouched")
    (out / "ps1.ipynb").symlink_to(tmp_path / "target")
    with pytest.raises(FileExistsError):
        unpack(io.BytesIO(tar_gz({"ps1.ipynb": "evil"})), out)
    assert (tmp_path / "target").read_text() == "untouched"
    assert (out / "ps1.ipynb").is_symlink()


def header(name: bytes, kind: bytes, size: int, data: bytes = b"") -> bytes:
    """A raw tar entry with a right checksum and whatever else it is told."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108] = b"0000644\0"
    block[124:136] = b"%011o\0" % size
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data + bytes(-len(data) % 512)


def raw(*entries: bytes) -> io.BytesIO:
    return io.BytesIO(gzip.compress(b"".join(entries) + bytes(1024)))


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    while len(str(length)) + len(key) + len(value) + 3 != length:
        length = len(str(length)) + len(key) + len(value) + 3
    return b"%d %s=%s\n" % (length, key, value)


HOSTILE = {
    "a name of 1 GiB": raw(header(b"x", b"L", 2**30)),
    "an extended header of 1 GiB": raw(header(b"x", b"x", 2**30)),
    "a sparse map": raw(header(b"x", b"x", 25, record(b"GNU.sparse.major", b"1")), header(b"f", b"0", 0)),
    "an old sparse file": raw(header(b"f", b"S", 0)),
    "an extended name that climbs": raw(header(b"x", b"x", 20, record(b"path", b"../../evil")), header(b"f", b"0", 0)),
    "an extended size that lies": raw(header(b"x", b"x", 15, record(b"size", b"999999")), header(b"f", b"0", 0)),
    "an extended size below zero": raw(header(b"x", b"x", 11, record(b"size", b"-1")), header(b"f", b"0", 0)),
    "a record without end": raw(header(b"x", b"x", 12, b"99999 path=x")),
    "a record of no length": raw(header(b"x", b"x", 12, b"0 path=xxxxx")),
    "a folder with content": raw(header(b"d/", b"5", 512, bytes(512))),
    "an unknown kind": raw(header(b"f", b"Z", 0)),
    "a name that is no UTF-8": raw(header(b"\xff\xfe", b"0", 0)),
    "a NUL in an extended name": raw(header(b"x", b"x", 13, record(b"path", b"a\0b")), header(b"f", b"0", 0)),
    "a header that belongs to nothing": raw(header(b"x", b"x", 10, record(b"path", b"a"))),
    "a size that is no number": io.BytesIO(
        gzip.compress(header(b"f", b"0", 0).replace(b"00000000000", b"0000000zzzz"))
    ),
}


@pytest.mark.parametrize("case", HOSTILE, ids=list(HOSTILE))
def test_a_hostile_header_is_refused_without_taking_memory(case: str) -> None:
    HOSTILE[case].seek(0)
    tracemalloc.start()
    with pytest.raises(ArchiveError) as caught:
        check(HOSTILE[case])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000
    assert any("가" <= letter <= "힣" for letter in caught.value.korean)


def test_random_damage_never_does_more_than_refuse(tree: Path, tmp_path: Path) -> None:
    plain = gzip.decompress(packed(tree))
    dice = random.Random(20260302)
    refused = 0
    for _ in range(400):
        damaged = bytearray(plain)
        for _ in range(dice.randint(1, 4)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        try:
            for entry in check(io.BytesIO(gzip.compress(bytes(damaged), 1))):
                assert ".." not in entry.name.split("/")
                assert not entry.name.startswith("/")
        except ArchiveError:
            refused += 1
    assert refused > 100


def test_a_big_archive_passes_through_little_memory() -> None:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as zipped:
        for number in range(4):
            info = tarfile.TarInfo(f"zeros-{number}")
            info.size = 40 * 1024 * 1024
            zipped.write(info.tobuf())
            for _ in range(40):
                zipped.write(bytes(1024 * 1024))
        zipped.write(bytes(1024))
    out.seek(0)
    tracemalloc.start()
    assert len(check(out)) == 4
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_limits_are_kept_while_packing(tree: Path) -> None:
    with pytest.raises(ArchiveError, match="more than 2 files") as caught:
        pack(tree, io.BytesIO(), limits=Limits(entries=2))
    assert caught.value.too_large
    with pytest.raises(ArchiveError, match=r"x\.txt"):
        pack(tree, io.BytesIO(), limits=Limits(file_bytes=500))
