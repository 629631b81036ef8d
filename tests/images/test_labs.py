"""A lab's image: a person's server starts in it, with what learners need and nothing of the campus's insides."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from image_containers import Run, wait_until_healthy

pytestmark = pytest.mark.docker
Seen = Callable[[str], dict[str, Any]]

SERVER = {
    "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/minji/",
    "JUPYTERHUB_SERVICE_PREFIX": "/user/minji/",
    "JUPYTERHUB_BASE_URL": "/",
    "JUPYTERHUB_API_URL": "http://127.0.0.1:9/hub/api",
    "JUPYTERHUB_API_TOKEN": "a-token-of-the-tests",
    "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-minji",
    "JUPYTERHUB_USER": "minji",
}


def test_a_lab_holds_the_exchange_and_the_servers_start_and_nothing_else_of_ours(seen: Seen) -> None:
    ours = seen("lab-cpu")["ours"]
    allowed = ("grader/__init__.py", "grader/exchange/", "hub_config/__init__.py", "hub_config/lab/")
    assert [path for path in ours if not path.startswith(allowed)] == []
    assert "grader/exchange/exchange.py" in ours
    assert "hub_config/lab/start.py" in ours


def test_a_server_starts_quickly_in_a_lab(run: Run) -> None:
    lab = run("lab-cpu", environment=SERVER)
    wait_until_healthy(lab)
    log = lab.logs().decode()
    assert "hub_config.lab.assignment_list | extension was successfully loaded" in log
    assert "jupyter_server_terminals | extension was successfully loaded" in log
    assert "quick start failed" not in log
    assert "Traceback" not in log.split("Failed to connect to my Hub")[0]


def test_a_lab_speaks_korean_and_draws_it(output_of: Callable[..., str]) -> None:
    code = (
        "import sys, warnings, matplotlib; matplotlib.use('Agg'); warnings.simplefilter('error')\n"
        "import jupyterlab_server.translation_utils as t; assert 'ko_KR' in t.get_language_packs()[0]\n"
        "from matplotlib import pyplot; pyplot.title('빛고을'); pyplot.savefig('/tmp/picture.png')\n"
        "from jupyterlab_server.translation_utils import get_language_pack\n"
        "pack, _ = get_language_pack('ko_KR'); print(len(pack))"
    )
    assert int(output_of("lab-cpu", "python3", "-c", code).split()[-1]) >= 1


def test_a_learners_page_leaves_out_what_is_not_for_learners(output_of: Callable[..., str]) -> None:
    code = "import json; from jupyterlab_server.config import get_static_page_config as c; print(json.dumps(c()))"
    disabled = json.loads(output_of("lab-cpu", "python3", "-c", code))["disabledExtensions"]
    not_for_learners = {"@jupyter/nbgrader:formgrader", "@jupyter/nbgrader:create-assignment"}
    not_served = {"@jupyter/nbgrader:course-list", "@jupyter-notebook/lab-extension", "@jupyterlab/lsp-extension"}
    assert {name for name, off in disabled.items() if off} >= not_for_learners | not_served


def test_nbgrader_in_a_lab_goes_through_the_portal(output_of: Callable[..., str]) -> None:
    code = (
        "from nbgrader.apps import NbGraderApp\n"
        "from nbgrader.exchange import ExchangeFactory\n"
        "app = NbGraderApp(); app.load_config_file()\n"
        "print(ExchangeFactory(config=app.config).submit.__module__)"
    )
    assert output_of("lab-cpu", "python3", "-c", code).split()[-1] == "grader.exchange.submit"


def test_a_learner_has_git_a_shell_and_the_courses_libraries(output_of: Callable[..., str]) -> None:
    script = (
        "cd && git init -q work && touch work/file && git -C work add file && less --version >/dev/null && "
        "python3 -c 'import numpy, pandas, sklearn, matplotlib, ipywidgets' && python3 -m venv own && echo done"
    )
    assert output_of("lab-cpu", "bash", "-lc", script).split()[-1] == "done"


def test_what_a_learner_installs_is_seen_by_notebooks_and_not_by_the_server(output_of: Callable[..., str]) -> None:
    script = (
        "folder=$(python3 -m site --user-site) && mkdir -p $folder && echo 'print(\"seen\")' >$folder/extra.py && "
        "python3 -c 'import extra' && ! $(head -n 1 /opt/lab/bin/bitgoeul-lab | cut -c 3-) -c 'import extra' 2>&1"
    )
    seen, *refused = output_of("lab-cpu", "bash", "-c", script).splitlines()
    assert seen == "seen"
    assert refused[-1] == "ModuleNotFoundError: No module named 'extra'"
