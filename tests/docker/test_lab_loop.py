"""A lab in a container, as a learner meets it: sign in, start, run a cell, stop, start again; what it may have."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from container_campus import DEVICES, ContainerCampus
from container_lab import Lab
from waiting import wait_for

from gpus.models import LeaseState

pytestmark = [pytest.mark.labs, pytest.mark.timeout(600)]

#: prints how many processes it could start
FORKS = """
import os, signal, time
children = []
try:
    while len(children) < 300:
        child = os.fork()
        if not child:
            time.sleep(600)
            os._exit(0)
        children.append(child)
except BlockingIOError:
    pass
for child in children:
    os.kill(child, signal.SIGKILL)
print(len(children))
"""


@pytest.fixture(scope="module")
def lab(campus: ContainerCampus) -> Iterator[Lab]:
    """Minji's lab on CPU."""
    yield campus.start_lab("minji")
    campus.stop_lab("minji")


def test_somebody_signs_in_and_opens_jupyterlab(campus: ContainerCampus, lab: Lab) -> None:
    with closing(campus.browser("minji")) as browser:
        page = browser.get("/user/minji/lab", follow_redirects=True)
    assert page.status_code == 200
    assert "jupyter-config-data" in page.text


def test_a_cell_runs_through_the_proxy_s_websocket(lab: Lab) -> None:
    assert lab.execute("import os; print(6 * 7, os.getcwd(), os.getuid())") == "42 /home/learner 1000\n"


def test_the_home_is_kept_from_one_lab_to_the_next(campus: ContainerCampus) -> None:
    lab = campus.start_lab("keeper")
    written = {"type": "file", "format": "text", "content": "kept"}
    assert lab.call("PUT", "/api/contents/memo.txt", json=written).status_code == 201
    first = lab.container["Id"]
    campus.stop_lab("keeper")
    assert [one for one in campus.containers() if one["Id"] == first] == []
    again = campus.start_lab("keeper")
    assert again.container["Id"] != first
    assert again.run("cat", "/home/learner/memo.txt") == (0, "kept")
    campus.stop_lab("keeper")


def test_a_lab_s_name_and_labels_say_whose_it_is(campus: ContainerCampus, lab: Lab) -> None:
    container = lab.container
    assert container["Name"] == "/test-minji"
    labels = container["Config"]["Labels"]
    assert (labels["kr.bitgoeul.user"], labels["kr.bitgoeul.lease"]) == ("minji", "")
    request = labels["kr.bitgoeul.request"]
    assert f"minji gets cpu [request {request}]" in campus.portal_log
    assert f"[request {request}]" in campus.hub_log


def test_people_with_long_and_korean_names_get_labs(campus: ContainerCampus) -> None:
    long = "kim.minji.of.the.convergence.college.in.gwangju@students.example.ac.kr"
    for name in (long, "김민지"):
        lab = campus.start_lab(name)
        assert len(lab.container["Name"]) <= 64
        campus.stop_lab(name)


def test_a_lab_has_no_right_to_gain_any(lab: Lab) -> None:
    status = dict(line.split(":\t", 1) for line in lab.run("cat", "/proc/1/status")[1].splitlines() if ":\t" in line)
    assert status["Uid"].split()[0] == "1000"
    for right in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[right], 16) == 0, right
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"


def test_a_lab_s_limits_are_the_kernel_s(lab: Lab) -> None:
    host = lab.container["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (1 << 30, 1 << 30, 256)
    filled = lab.run("python", "-c", "x = bytearray(2 << 30)")
    assert filled[0] in (1, 137)
    assert 200 < int(lab.python(FORKS)) < 256
    assert lab.run("df", "-k", "--output=size", "/dev/shm")[1].split()[1] == str(64 << 10)


def test_a_lab_writes_into_its_home_and_its_own_memory_only(lab: Lab) -> None:
    script = "for place in / /opt /opt/lab /usr /srv /var /etc; do touch $place/x 2>/dev/null && echo $place; done"
    assert lab.run("sh", "-c", script)[1] == ""
    assert lab.run("sh", "-c", "touch /tmp/x ~/x && stat -f -c %T /tmp") == (0, "tmpfs\n")
    assert lab.run("sh", "-c", "ls /var/run/docker.sock; ls /proc/1/root/x")[0] != 0


def test_what_a_notebook_leaves_behind_is_reaped(lab: Lab) -> None:
    lab.run("sh", "-c", "(sh -c 'sleep 0.2 & exit' &)")
    wait_for("no zombie", lambda: "defunct" not in lab.run("ps", "ax")[1], 20)


def test_a_lab_on_cpu_says_that_it_has_no_gpu_and_the_runtime_isn_t_called(campus: ContainerCampus, lab: Lab) -> None:
    assert lab.run("printenv", "NVIDIA_VISIBLE_DEVICES") == (0, "void\n")
    assert not lab.container["HostConfig"]["DeviceRequests"]


def test_a_lab_is_given_the_leased_device_and_no_other(campus: ContainerCampus) -> None:
    asked = campus.engine.folder / "bin" / "asked"
    already = len(asked.read_text().split()) if asked.exists() else 0
    lab = campus.start_lab("painter", "gpu-slice")
    [device] = lab.container["HostConfig"]["DeviceRequests"][0]["DeviceIDs"]
    assert device in DEVICES
    # what the engine told the runtime's hook when the container started
    assert asked.read_text().split()[already:] == [f"NVIDIA_VISIBLE_DEVICES={device}"]
    lease, lent = campus.lease_of("painter"), campus.books.lent()["painter"]
    assert campus.told(lease, "running") == 1
    assert (lent.id, lent.device, lent.state) == (lease, device, LeaseState.RUNNING)
    campus.stop_lab("painter")
    assert campus.books.ended(lease) == "stopped"


def test_the_portal_is_told_which_device_a_lab_was_given(campus: ContainerCampus) -> None:
    campus.enrol("sitter")
    campus.token_of("sitter")
    starter = threading.Thread(target=campus.ask_start, args=("sitter", "gpu-slice"))
    with campus.engine.paused():
        starter.start()
        granted = wait_for("the lease", lambda: campus.books.lent().get("sitter"), 30)
        [other] = DEVICES - {granted.device}
        campus.books.move(granted.id, other)
    starter.join()
    wait_for("the lab", lambda: campus.server("sitter").get("ready"), 120)
    asked = campus.container_of("sitter")["HostConfig"]["DeviceRequests"][0]["DeviceIDs"]
    assert asked == [granted.device] == [campus.books.lent()["sitter"].device]
    campus.stop_lab("sitter")


def test_two_labs_hold_two_slices_and_a_third_is_sent_to_the_waiting_room(campus: ContainerCampus) -> None:
    labs = [campus.start_lab(name, "gpu-slice") for name in ("first", "second")]
    devices = {lab.container["HostConfig"]["DeviceRequests"][0]["DeviceIDs"][0] for lab in labs}
    assert devices == DEVICES
    status, message = campus.refusal("third", "gpu-slice")
    assert status == 409
    assert "GPU 2개가 모두 쓰이고 있습니다. 대기 순서는 1번입니다" in message
    assert "All 2 GPUs are in use. You are number 1 in the queue" in message
    assert campus.books.waiting() == ["third"]
    campus.stop_lab("first")
    campus.start_lab("third", "gpu-slice")
    for name in ("second", "third"):
        campus.stop_lab(name)


def test_the_spawn_page_is_told_what_happens_in_both_languages(campus: ContainerCampus) -> None:
    campus.enrol("waiter")
    campus.token_of("waiter")
    starter = threading.Thread(target=campus.ask_start, args=("waiter", "slow"))  # it is there to be watched
    starter.start()
    wait_for("the start begins", lambda: campus.server("waiter"))
    events = campus.progress("waiter")
    starter.join()
    assert events[-1].get("ready"), events
    told = [event for event in events if "lang=" in event.get("html_message", "")]
    assert [event["progress"] for event in told] == sorted(event["progress"] for event in told)
    text = "\n".join(event["message"] for event in told)
    for part in ("사용할 장비", "container is made", "container has started", "서버 컨테이너를 시작했습니다"):
        assert part in text, text
    campus.stop_lab("waiter")


def test_a_stop_ends_the_server_by_its_own_word(campus: ContainerCampus) -> None:
    lab = campus.start_lab("leaver")
    began = time.monotonic()
    campus.engine.api.stop(lab.container["Id"], timeout=60)
    seconds = time.monotonic() - began
    state = lab.container["State"]
    assert state["ExitCode"] != 137, "it was killed"
    assert seconds < 30
    campus.stop_lab("leaver")
