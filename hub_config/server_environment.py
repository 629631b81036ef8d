"""The environment of a server, made from scratch: nothing of the hub's own, no secret. Knows no JupyterHub.

JupyterHub adds the server's own token and addresses to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath

from hub_config.containers import HOME, LAB_BIN, LAB_CONFIG, work_folder_of
from hub_config.names import offering_of

#: what Nvidia's runtime gives no card for, even where it is the engine's default
NO_GPU = "void"


def build_environment(
    *,
    username: str,
    home: PurePath,
    locale: str,
    time_zone: str,
    portal_url: str,
    work_folder: PurePath,
    lab_config: Path,
    programs: str,
    inherited: Mapping[str, str],
) -> dict[str, str]:
    """What any server is told. `lab_config` is where hub_config/lab lies for it, `programs` where its Python is."""
    offering = offering_of(username)
    config = [lab_config / ("grading" if offering else "learner"), lab_config / "common"]
    if locale == "ko":
        config.append(lab_config / "korean")
    env = {
        **inherited,
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "USER": username,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TZ": time_zone,
        "JUPYTER_CONFIG_PATH": ":".join(map(str, config)),
        "BITGOEUL_PORTAL_URL": portal_url,
        "BITGOEUL_LOCALE": locale,
    }
    if offering:
        env |= {"BITGOEUL_OFFERING": offering, "BITGOEUL_OFFERING_FOLDER": str(work_folder)}
    return env


def build_container_environment(
    *, username: str, locale: str, time_zone: str, portal_url: str, cpus: float, gpu: bool
) -> dict[str, str]:
    """What a lab in a container is told besides.

    Numeric libraries start as many threads as the machine has cores, however few of them the container may use: they
    are told how many. A lab without a GPU says so, or a runtime that is the engine's default would show it every card.
    """
    threads = str(max(1, round(cpus))) if cpus else ""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
    env = build_environment(
        username=username,
        home=HOME,
        locale=locale,
        time_zone=time_zone,
        portal_url=portal_url,
        work_folder=work_folder_of(username),
        lab_config=LAB_CONFIG,
        programs=LAB_BIN,
        inherited=limits if threads else {},
    )
    # the engine's init is the first process; an image's own one is told that it is the second
    env["TINI_SUBREAPER"] = "1"
    return env if gpu else env | {"NVIDIA_VISIBLE_DEVICES": NO_GPU}
