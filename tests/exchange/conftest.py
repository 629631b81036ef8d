"""Fixtures of the exchange's tests; what they give is in `exchange_campus`."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from exchange_campus import CONFIG, COURSE, Lab, PlayedHub, Serving, TestCampus, populate, source_notebook

from cohorts.database import Database, migrate
from grader.storage import Storage


@pytest.fixture(scope="session")
def hub_api_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), PlayedHub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hub/api"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store(database_url: str, tmp_path: Path) -> Iterator[TestCampus]:
    """The campus without its portal, on SQLite and on PostgreSQL in turn."""
    migrate(database_url)
    database = Database(database_url)
    populate(database)
    yield TestCampus(tmp_path, database, Storage(tmp_path / "storage"))
    database.close()


@pytest.fixture(scope="session")
def populated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with the campus's people, to be copied: migrating one for each test takes longer."""
    path = tmp_path_factory.mktemp("exchange") / "bitgoeul.db"
    migrate(f"sqlite:///{path}")
    database = Database(f"sqlite:///{path}")
    populate(database)
    database.close()
    return path


@pytest.fixture
def campus(tmp_path: Path, populated: Path, hub_api_url: str) -> Iterator[TestCampus]:
    """The campus with its portal, on SQLite."""
    yield from open_campus(tmp_path, populated, hub_api_url)


@pytest.fixture(scope="module")
def lasting_campus(tmp_path_factory: pytest.TempPathFactory, populated: Path, hub_api_url: str) -> Iterator[TestCampus]:
    """The same, for tests of one file that leave it as it is."""
    yield from open_campus(tmp_path_factory.mktemp("campus"), populated, hub_api_url)


def open_campus(data: Path, populated: Path, hub_api_url: str) -> Iterator[TestCampus]:
    shutil.copyfile(populated, data / "bitgoeul.db")
    database = Database(f"sqlite:///{data / 'bitgoeul.db'}")
    with Serving(data, database, hub_api_url) as campus:
        yield campus
    database.close()


@pytest.fixture
def sqlite_store(tmp_path: Path, populated: Path) -> Iterator[TestCampus]:
    """The campus without its portal, on SQLite."""
    shutil.copyfile(populated, tmp_path / "bitgoeul.db")
    database = Database(f"sqlite:///{tmp_path / 'bitgoeul.db'}")
    yield TestCampus(tmp_path, database, Storage(tmp_path / "storage"))
    database.close()


@pytest.fixture
def lab(tmp_path: Path, campus: TestCampus) -> Callable[..., Lab]:
    """Makes the server of somebody: `lab("minji")`."""

    def make(username: str, *, home: Path | None = None, config: str = "", **environment: str) -> Lab:
        folder = home or tmp_path / "homes" / username
        folder.mkdir(parents=True, exist_ok=True)
        settings = tmp_path / "config" / username
        settings.mkdir(parents=True, exist_ok=True)
        (settings / "nbgrader_config.py").write_text(CONFIG + config)
        return Lab(
            folder,
            {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(folder),
                "JUPYTER_CONFIG_PATH": str(settings),
                "JUPYTER_CONFIG_DIR": str(folder / ".jupyter"),
                "PYTHONWARNINGS": "ignore",
                "BITGOEUL_PORTAL_URL": campus.url,
                "JUPYTERHUB_API_TOKEN": campus.token(username),
                "JUPYTERHUB_USER": username,
                "LANG": "ko_KR.UTF-8",
            }
            | environment,
        )

    return make


@pytest.fixture
def course_dir(tmp_path: Path) -> Path:
    """The offering's nbgrader course folder, DATA/offerings/<offering>, with the source of ps1."""
    folder = tmp_path / "offerings" / COURSE
    (folder / "source" / "ps1").mkdir(parents=True)
    (folder / "source" / "ps1" / "ps1.ipynb").write_text(source_notebook())
    (folder / "source" / "ps1" / "data.csv").write_text("a,b\n1,2\n")
    return folder
