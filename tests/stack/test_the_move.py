"""A campus on a Swarm moves into an empty one by backup and restore. The stack's last test: it ends the campus."""

from __future__ import annotations

import pytest
from campus_process import Lab
from class_play import PYTHON, Play, notebooks_of
from stack_campus import StackCampus, stack_campus

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


def test_the_campus_moves_by_backup_and_restore(
    campus: StackCampus, play: Play, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = play.instructor.api("GET", f"/offerings/{PYTHON}/marks").json()
    receipts = play.students["daon"].api("GET", f"/me/offerings/{PYTHON}/assignments/first-steps").json()
    file = campus.data / "backups" / "campus.tar.gz"
    campus.deploy("archive", "backup", str(file))
    campus.stop()  # its port and the labs' network are what the other one has
    with stack_campus(campus.rig, tmp_path_factory.mktemp("moved") / "campus", "moved") as moved:
        copy = moved.data / "backups" / file.name
        copy.write_bytes(file.read_bytes())
        moved.deploy("restore", str(copy), seconds=300)
        moved.wait_until_complete()
        assert moved.sign_in("garam").api("GET", f"/offerings/{PYTHON}/marks").json() == before
        student = moved.sign_in("daon")
        assert student.api("GET", f"/me/offerings/{PYTHON}/assignments/first-steps").json() == receipts
        assert notebooks_of(Lab(student).start(), PYTHON, "first-steps")
