"""A class played on the stack of deploy/stack.yml, from the roster to the marks, while parts of it go away."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from campus_process import Lab, Person
from class_play import PYTHON, Play, notebooks_of
from stack_campus import StackCampus
from swarm_node import Node
from waiting import wait_for

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]
#: after which Swarm has made up its mind about what changed
SETTLED_SECONDS = 5.0


def marks(person: Person) -> dict[str, float]:
    rows = person.api("GET", f"/offerings/{PYTHON}/marks").json()
    return {row["username"]: row["score"] / row["max_score"] for row in rows if row["assignment"] == "first-steps"}


def start_with_gpu(person: Person) -> Lab:
    answer = person.api("POST", "/gpus/mine", json={"profile": "gpu-slice"})
    assert answer.status_code == 200, answer.text
    lab = Lab(person)
    lab.wait_ready()
    return lab


def test_a_class_is_played_to_its_marks(campus: StackCampus, play: Play) -> None:
    found = marks(play.instructor)
    assert found["narae"] == 1.0
    assert 0 < found["daon"] < 1
    assert found["raon"] < found["daon"]
    assert sorted(campus.labs()) == ["daon", "narae", "raon"]
    # the manager has enough to do: each goes to a node with the fewest tasks
    assert len({node.name for node, _ in campus.labs().values()}) > 1


def test_learners_get_a_slice_each_on_the_node_that_has_it(campus: StackCampus, play: Play) -> None:
    for name, lab in play.labs.items():
        lab.stop()
        wait_for(f"{name}'s lab is gone", lambda name=name: name not in campus.labs())
        start_with_gpu(play.students[name])
    seen = {}
    for name, place in campus.labs().items():
        seen[name] = campus.within(place, "sh", "-c", "echo $DOCKER_RESOURCE_GPU").strip()
        assert seen[name] in place[0].slots
    assert sorted(seen) == sorted(play.students)
    assert len(set(seen.values())) == len(seen)
    assert notebooks_of(play.labs["daon"], PYTHON, "first-steps")


def test_a_learner_s_lab_shows_the_slice_that_it_has(campus: StackCampus, play: Play) -> None:
    for name, lab in play.labs.items():
        told = wait_for(f"the lab of {name} heard of its slice", lambda lab=lab: shown(lab)["lease"], 60)
        assert (told["id"], told["kind"]) == (play.students[name].api("GET", "/gpus/mine").json()["lease"]["id"], "GPU")


def shown(lab: Lab) -> dict[str, Any]:
    """What JupyterLab's page is told of the lease."""
    answer = lab.call("GET", "/bitgoeul/lease")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_nobody_notices_that_a_portal_is_replaced(campus: StackCampus, play: Play) -> None:
    """A new version of the portal is deployed; one portal always answers, and every lab goes on."""
    labs = campus.labs()
    ended = threading.Event()
    answers: list[tuple[int, str]] = []

    def ask() -> None:
        while not ended.is_set():
            answer = play.instructor.api("GET", f"/offerings/{PYTHON}/marks")
            answers.append((answer.status_code, "" if answer.status_code == 200 else answer.text[:500]))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        replace(campus, "portal")
    finally:
        ended.set()
        asking.join(60)
    assert answers
    assert [answer for answer in answers if answer[0] != 200] == []
    assert_go_on(campus, labs)


def replace(campus: StackCampus, service: str) -> None:
    """Put new containers in the place of a service's, as when a new version of it is deployed."""
    before = {container for _, container in campus.containers(service)}
    campus.rig.manager.docker("service", "update", "--detach", "--force", f"{campus.name}_{service}")
    wait_for(
        f"each {service} is new",
        lambda: campus.is_complete() and not before & {one for _, one in campus.containers(service)},
        180,
        every=0.5,
    )


def assert_go_on(campus: StackCampus, labs: dict[str, tuple[Node, str]]) -> None:
    """These labs run where they ran, and still do when Swarm has noticed what changed."""
    until = time.monotonic() + SETTLED_SECONDS
    while time.monotonic() < until:
        assert {name: place for name, place in campus.labs().items() if name in labs} == labs
        time.sleep(0.5)


def test_no_lab_ends_when_what_keeps_nodes_on_the_networks_is_replaced(campus: StackCampus, play: Play) -> None:
    labs = campus.labs()
    replace(campus, "keeper")
    assert_go_on(campus, labs)


#: a transaction that decides about leases, as a portal's is when its machine loses its power in the middle
DECISION = """
import os, time
from cohorts.database import Database
from gpus.writer import deciding
from portal.settings import PortalSettings

with deciding(Database(PortalSettings.from_environment(os.environ).database_url)):
    open("/tmp/deciding", "w").close()
    time.sleep(3600)
"""


def hold_a_decision(campus: StackCampus, node: Node) -> None:
    """Begin such a transaction on that node; it ends with the node."""
    [place] = [place for place in campus.containers("grader") if place[0] is node]
    begun = node.api.exec_create(place[1], ["python3", "-c", DECISION], user="2000:2000")
    node.api.exec_start(begun["Id"], detach=True)
    wait_for("the transaction", lambda: "deciding" in campus.within(place, "ls", "/tmp").split(), 60)


def test_a_lost_node_s_learner_starts_elsewhere_and_work_is_still_marked(campus: StackCampus, play: Play) -> None:
    hub_node = campus.rig.manager.name
    victim, (node, _) = next((name, place) for name, place in campus.labs().items() if place[0].name != hub_node)
    others = {name: place for name, place in campus.labs().items() if place[0] is not node}
    hold_a_decision(campus, node)
    node.kill()
    person = play.students[victim]

    def attempts() -> list[dict[str, Any]]:
        """The newest last."""
        standing = person.api("GET", f"/me/offerings/{PYTHON}/assignments/first-steps").json()
        return list(standing["attempts"])

    def stopped() -> bool:
        server = person.hub("GET", f"/users/{victim}").json()["servers"].get("")
        return server is None or (not server["ready"] and not server["pending"])

    try:
        wait_for("the lost lab is given up", stopped, 90, every=1)
        lab = start_with_gpu(person)
        assert campus.labs()[victim][0].name != node.name
        (path,) = notebooks_of(lab, PYTHON, "first-steps")
        assert lab.read_notebook(path)["cells"] == play.handed_in[victim]["cells"]
        before = len(attempts())
        assert lab.press("submit", PYTHON, "first-steps")["success"]
        wait_for("it is marked", lambda: len(attempts()) == before + 1 and attempts()[-1]["score"] is not None, 120)
    finally:
        node.start()
        node.wait()
    wait_for("the stack is complete again", campus.is_complete, 180, every=0.5)
    assert_go_on(campus, others)
