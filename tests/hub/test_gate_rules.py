"""What the gate before the container engine may be asked: which paths, with which parameters, in which words."""

from __future__ import annotations

import dataclasses
import json

import pytest
from gate_requests import (
    GRADER,
    HUB,
    SITE,
    decide,
    lab_body,
    marking_body,
)

from hub_config.gate_rules import Rules, hub_rules
from hub_config.gate_values import Refused

ID = "f" * 64


OF_CAMPUS = "filters=%7B%22label%22%3A%5B%22kr.bitgoeul.campus%3Dtest%22%5D%7D"


OF_GRADERS = "filters=%7B%22label%22%3A%5B%22bitgoeul.sandbox%22%5D%7D"


@pytest.mark.parametrize(
    ("rules", "method", "target", "sent"),
    [
        (HUB, "GET", "/_ping", "/_ping"),
        (HUB, "GET", "/version", "/version"),
        (HUB, "GET", "/v1.41/info", "/v1.41/info"),
        (HUB, "GET", "/v1.50/containers/test-minji/json", f"/v1.50/containers/{ID}/json"),
        (HUB, "POST", "/v1.41/containers/test-minji/start", f"/v1.41/containers/{ID}/start"),
        (HUB, "POST", "/v1.41/containers/abc/stop?t=10", f"/v1.41/containers/{ID}/stop?t=10"),
        (
            *(HUB, "DELETE", "/v1.41/containers/abc?v=True&link=False&force=True"),
            f"/v1.41/containers/{ID}?v=1&link=0&force=1",
        ),
        (
            *(HUB, "GET", "/v1.41/containers/abc/logs?stderr=1&stdout=1&timestamps=0&follow=0&tail=200"),
            f"/v1.41/containers/{ID}/logs?stderr=1&stdout=1&timestamps=0&follow=0&tail=200",
        ),
        (HUB, "GET", "/v1.41/networks/test-labs", "/v1.41/networks/test-labs"),
        (
            *(HUB, "POST", "/v1.41/images/create?tag=1&fromImage=hub.example.kr:5000/lab/cpu"),
            "/v1.41/images/create?tag=1&fromImage=hub.example.kr%3A5000%2Flab%2Fcpu",
        ),
        (GRADER, "GET", "/v1.41/images/hub.example.kr:5000/lab:1/json", "/v1.41/images/hub.example.kr:5000/lab:1/json"),
        (GRADER, "POST", "/v1.41/containers/abc/kill?signal=9", f"/v1.41/containers/{ID}/kill?signal=9"),
        (GRADER, "DELETE", "/v1.41/volumes/bitgoeul-0011223344556677", f"/v1.41/volumes/{ID}"),
        (GRADER, "GET", f"/v1.41/volumes?{OF_GRADERS}", f"/v1.41/volumes?{OF_GRADERS}"),
    ],
)
def test_what_is_needed_passes_in_words_of_the_gate_s_own(rules: Rules, method: str, target: str, sent: str) -> None:
    passed = decide(rules, method, target)
    assert passed.target(ID) == sent
    assert bool(passed.owned) is (ID in sent)


def test_a_list_is_of_this_campus_s_labs_alone() -> None:
    passed = decide(HUB, "GET", f"/v1.41/containers/json?limit=-1&all=1&size=0&trunc_cmd=0&{OF_CAMPUS}")
    assert "kr.bitgoeul.campus%3Dtest%22%2C%22kr.bitgoeul.user%22%5D" in passed.query


def test_only_labs_of_this_campus_are_the_hub_s_and_only_markings_are_a_grader_s() -> None:
    lab = lab_body()["Labels"]
    assert HUB.owns(lab)
    assert not HUB.owns(lab | {"kr.bitgoeul.campus": "other"})
    assert not HUB.owns({"kr.bitgoeul.campus": "test"})
    assert not HUB.owns({"com.docker.compose.project": "test"})
    assert not HUB.owns(marking_body()["Labels"])
    assert GRADER.owns(marking_body()["Labels"])
    assert not GRADER.owns(lab)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/containers/test-minji/exec"),
        ("POST", "/exec/abc/start"),
        ("POST", "/build"),
        ("POST", "/commit?container=test-minji"),
        ("POST", "/session"),
        ("POST", "/grpc"),
        ("POST", "/containers/test-minji/rename?name=x"),
        ("POST", "/containers/test-minji/update"),
        ("POST", "/containers/test-minji/restart"),
        ("POST", "/containers/test-minji/pause"),
        ("POST", "/containers/prune"),
        ("GET", "/containers/test-minji/archive?path=/"),
        ("PUT", "/containers/test-minji/archive?path=/"),
        ("GET", "/containers/test-minji/export"),
        ("GET", "/containers/test-minji/top"),
        ("GET", "/containers/test-minji/attach/ws"),
        ("GET", "/events"),
        ("GET", "/system/df"),
        ("GET", "/images/json"),
        ("GET", "/images/get?names=x"),
        ("POST", "/images/load"),
        ("POST", "/images/x/tag?repo=bitgoeul-hub"),
        ("POST", "/images/x/push"),
        ("DELETE", "/images/x"),
        ("POST", "/images/prune"),
        ("GET", "/networks"),
        ("GET", "/networks/host"),
        ("POST", "/networks/test-labs/connect"),
        ("DELETE", "/networks/test-labs"),
        ("GET", "/volumes/test-minji-home"),
        ("DELETE", "/volumes/test-minji-home"),
        ("POST", "/volumes/prune"),
        ("POST", "/swarm/init"),
        ("POST", "/services/create"),
        ("GET", "/secrets"),
        ("GET", "/configs"),
        ("GET", "/nodes"),
        ("GET", "/plugins"),
        ("POST", "/plugins/pull?remote=x"),
        ("POST", "/auth"),
        ("GET", "/distribution/x/json"),
        ("HEAD", "/containers/test-minji/json"),
        ("PATCH", "/containers/test-minji/json"),
        ("get", "/info"),
    ],
)
def test_whatever_else_the_engine_can_do_is_refused_to_both(method: str, path: str) -> None:
    for rules in (HUB, GRADER):
        for version in ("/v1.41", ""):
            with pytest.raises(Refused):
                decide(rules, method, version + path, {} if method == "POST" else None)


@pytest.mark.parametrize(
    "target",
    [
        "//v1.41/info",
        "/v1.41//info",
        "/v1.41/info/",
        "/v1.41/../info",
        "/v1.41/./info",
        "/v1.41/%2e%2e/info",
        "/v1.41/containers/x%2f..%2f..%2fimages/json",
        "/v1.41/containers/..%2fbuild/json",
        "/v1.41/containers/../build",
        "/v1.41/containers/../images/create?fromImage=x&tag=1",
        "/v1.41/containers/x/json#/start",
        "/v1.41/containers/x;y/json",
        "/v1.41/containers/x json",
        "/v1.41/containers/x\\..\\json",
        "/v1.41/containers/x\r\nX: y/json",
        "http://docker/v1.41/info",
        "docker:2375",
        "*",
        "",
        "/v1.24/info",
        "/v1.9/info",
        "/v1.041/info",
        "/v1.410/info",
        "/v2.0/info",
        "/V1.41/info",
        "/v1.41/v1.41/info",
        "/info",
        "/v1.41/_ping",
        "/v1.41/INFO",
        "/v1.41/containers//json",
        "/v1.41/containers/a%00b/json",
    ],
)
def test_a_path_that_isn_t_plain_is_refused(target: str) -> None:
    for rules in (HUB, GRADER):
        with pytest.raises(Refused):
            decide(rules, "GET", target)


@pytest.mark.parametrize(
    ("rules", "method", "target"),
    [
        (HUB, "GET", "/v1.41/containers/json?all=1"),
        (HUB, "GET", "/v1.41/containers/json?filters={}"),
        (HUB, "GET", "/v1.41/containers/json?filters=%7B%22label%22%3A%5B%22kr.bitgoeul.campus%3Dother%22%5D%7D"),
        (HUB, "GET", f"/v1.41/containers/json?{OF_CAMPUS}&filters=%7B%7D"),
        (HUB, "GET", f"/v1.41/containers/json?{OF_GRADERS}"),
        (GRADER, "GET", f"/v1.41/containers/json?{OF_CAMPUS}"),
        (GRADER, "GET", "/v1.41/volumes"),
        (HUB, "GET", "/v1.41/info?x=1"),
        (HUB, "GET", "/v1.41/info?x"),
        (HUB, "DELETE", "/v1.41/containers/abc?link=1"),
        (HUB, "DELETE", "/v1.41/containers/abc?force=1&force=1"),
        (HUB, "POST", "/v1.41/containers/abc/start?detachKeys=a"),
        (HUB, "POST", "/v1.41/containers/abc/stop?t=10;signal=9"),
        (HUB, "POST", "/v1.41/containers/abc/stop?signal=SIGUSR1"),
        (HUB, "POST", "/v1.41/images/create?fromSrc=http://x/y&tag=1"),
        (HUB, "POST", "/v1.41/images/create?fromImage=x&tag=1&fromSrc=-"),
        (HUB, "POST", "/v1.41/images/create?fromImage=x"),
        (HUB, "POST", "/v1.41/images/create?fromImage=http://x/y&tag=1"),
        (HUB, "POST", "/v1.41/images/create?fromImage=x/../y&tag=1"),
        (HUB, "POST", "/v1.41/images/create?fromImage=x&tag=1&changes=USER%20root"),
        (HUB, "POST", "/v1.41/containers/test-minji/attach?stdin=1"),
        (HUB, "POST", "/v1.41/containers/test-minji/kill"),
        (HUB, "GET", "/v1.41/images/x/json"),
        (HUB, "GET", "/v1.41/networks/test-labs?verbose=1"),
        (GRADER, "GET", "/v1.41/networks/test-labs"),
        (GRADER, "POST", "/v1.41/images/create?fromImage=x&tag=1"),
        (GRADER, "POST", "/v1.41/containers/x/kill?signal=SIGKILL"),
        (GRADER, "GET", "/v1.41/containers/x/logs?stdout=1"),
        (GRADER, "DELETE", "/v1.41/volumes/bitgoeul-0011223344556677?force=1"),
    ],
)
def test_a_parameter_that_nobody_needs_is_refused(rules: Rules, method: str, target: str) -> None:
    with pytest.raises(Refused):
        decide(rules, method, target)


def test_a_grader_names_no_container_and_the_hub_must() -> None:
    with pytest.raises(Refused):
        decide(GRADER, "POST", "/v1.41/containers/create?name=hub", marking_body())
    with pytest.raises(Refused):
        decide(HUB, "POST", "/v1.41/containers/create", lab_body())
    with pytest.raises(Refused):
        decide(HUB, "POST", "/v1.41/containers/create?name=test-minji&platform=x", lab_body())


@pytest.mark.parametrize(
    "body",
    [
        b'{"HostConfig": {}, "HostConfig": {"Privileged": true}}',
        json.dumps(lab_body()).encode()[:-1] + b', "Image": "other"}',
        json.dumps(lab_body()).encode() + b'{"Privileged": true}',
        b"",
        b"null",
        b"[]",
        b"\xff\xfe{}",
        b'{"Image": NaN}',
        json.dumps(lab_body() | {"WorkingDir": "/\ud800"}).encode(),
        b"[" * 100_000,
        b'{"a":' * 50 + b"1" + b"}" * 50,
    ],
    ids=[
        "a key twice",
        "a key again",
        "more after it",
        "nothing",
        "null",
        "a list",
        "not UTF-8",
        "NaN",
        "half a letter",
        "deep",
        "nested",
    ],
)
def test_a_body_that_can_be_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        decide(HUB, "POST", "/v1.41/containers/create?name=test-minji", body)


def test_a_start_brings_no_body() -> None:
    with pytest.raises(Refused):
        decide(HUB, "POST", "/v1.41/containers/test-minji/start", {"Privileged": True})


def test_only_an_attached_container_s_connection_is_upgraded() -> None:
    upgrade = {"connection": "Upgrade", "upgrade": "tcp"}
    attach = "/v1.41/containers/abc/attach?stdin=1&stdout=1&stderr=1&stream=1"
    assert decide(GRADER, "POST", attach, **upgrade).upgrade
    for rules, method, target, headers in (
        (GRADER, "POST", attach, {}),
        (GRADER, "POST", attach, {"connection": "Upgrade", "upgrade": "h2c"}),
        (GRADER, "GET", "/v1.41/info", upgrade),
        (HUB, "POST", attach, upgrade),
    ):
        with pytest.raises(Refused):
            decide(rules, method, target, **headers)


def test_two_campuses_on_one_engine_don_t_share_labs() -> None:
    other = hub_rules(dataclasses.replace(SITE, campus="other"), {})
    with pytest.raises(Refused):
        decide(other, "POST", "/v1.41/containers/create?name=test-minji", lab_body())
