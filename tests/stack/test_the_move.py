"""A campus on a Swarm moves into an empty one by backup and restore. The stack's last test: it ends the campus."""

from __future__ import annotations

import pytest
from class_play import Play, assert_nothing_was_lost, what_must_not_be_lost
from stack_campus import StackCampus, stack_campus

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


def test_the_campus_moves_by_backup_and_restore(
    campus: StackCampus, play: Play, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = what_must_not_be_lost(play)
    file = campus.data / "backups" / "campus.tar.gz"
    campus.deploy("archive", "backup", str(file))
    campus.stop()  # its port and the labs' network are what the other one has
    with stack_campus(campus.rig, tmp_path_factory.mktemp("moved") / "campus", "moved") as moved:
        copy = moved.data / "backups" / file.name
        copy.write_bytes(file.read_bytes())
        moved.deploy("restore", str(copy), seconds=300)
        moved.wait_until_complete()
        assert_nothing_was_lost(moved, before)
