"""An engine that doesn't keep containers while it restarts: every lab ends with it, and everybody starts again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from container_campus import IMAGE, ContainerCampus
from container_lab import Lab
from own_engine import own_engine
from waiting import wait_for

pytestmark = [pytest.mark.labs, pytest.mark.timeout(600)]

PEOPLE = {"painter": "gpu-slice", "sculptor": "gpu-slice", "writer": "cpu"}


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerCampus]:
    """A campus on an engine without live-restore, as Docker comes."""
    with own_engine([IMAGE], gpus=True) as engine:
        campus = ContainerCampus(engine, tmp_path_factory.mktemp("mortal"))
        try:
            campus.start()
            yield campus
        finally:
            campus.stop()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_labs_that_ended_with_their_engine_are_put_away_and_people_start_again_with_their_files(
    mortal: ContainerCampus, how: str
) -> None:
    labs = {name: mortal.start_lab(name, profile) for name, profile in PEOPLE.items()}
    for name, lab in labs.items():
        assert lab.run("sh", "-c", f"echo {name} {how} >>~/memo.txt")[0] == 0
    before = {name: lab.container for name, lab in labs.items()}
    leases = {one["Config"]["Labels"]["kr.bitgoeul.lease"] for one in before.values()} - {""}
    assert len(leases) == 2

    getattr(mortal.engine, how)()
    mortal.engine.start()

    wait_for("every server is missed", lambda: not any(map(mortal.server, PEOPLE)), 90)
    # by the hub, or where the engine could not be asked at that moment, by the warden, who waits a minute
    wait_for("what is left of them is put away", lambda: not mortal.containers(), 150)
    for lease in leases:
        assert (mortal.books.ended(int(lease)), mortal.told(lease, "ended")) == ("lost", 1)

    again = {name: mortal.start_lab(name, profile) for name, profile in PEOPLE.items()}
    for name, lab in again.items():
        assert lab.container["Id"] != before[name]["Id"]
        assert f"{name} {how}" in lab.run("cat", "/home/learner/memo.txt")[1].splitlines()
    assert len({device_of(lab) for name, lab in again.items() if PEOPLE[name] != "cpu"}) == 2
    assert again["writer"].execute("print(6 * 7)") == "42\n"
    for name in PEOPLE:
        mortal.stop_lab(name)


def device_of(lab: Lab) -> str:
    [device] = lab.container["HostConfig"]["DeviceRequests"][0]["DeviceIDs"]
    return str(device)
