"""The folders that a lab sees, as its spawner makes them."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from hub_config.docker_spawner import CampusDockerSpawner


class Row:
    """A user of the hub's: its name may be read from the database, and so only where the hub's loop runs."""

    @property
    def name(self) -> str:
        assert threading.current_thread() is threading.main_thread()
        return "minji"


def test_a_home_is_made_by_a_thread_that_reads_nothing_from_the_hub_s_database(tmp_path: Path) -> None:
    spawner = CampusDockerSpawner(campus="test", homes=str(tmp_path), offerings=str(tmp_path), user=Row())
    asyncio.run(spawner._prepare_files())
    assert (tmp_path / "minji").is_dir()
