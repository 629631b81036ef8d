"""What the gate lets hub and graders have made: labs, markings, their folder, the labs' network; no way out of any."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from gate_requests import (
    CPU,
    GRADER,
    HUB,
    NETWORK,
    SITE,
    changed,
    create,
    decide,
    folder_body,
    lab_body,
    marking_body,
    network_request,
)

from hub_config.container_body import EngineAbilities
from hub_config.gate_labs import check_lab
from hub_config.gate_settings import network_body
from hub_config.gate_values import Refused


def pruned(value: Any) -> Any:
    """Without what says nothing, as the gate sends it on."""
    if isinstance(value, dict):
        return {key: pruned(one) for key, one in value.items() if one not in (None, "", [], {}, False)}
    return [pruned(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "body",
    [
        lab_body(),
        lab_body(device="MIG-5f0c-11"),
        lab_body(home_quota=1 << 33),
        lab_body(hardware=dataclasses.replace(CPU, disk=1 << 30), abilities=EngineAbilities()),
        lab_body(hardware=dataclasses.replace(CPU, memory=0, cpus=0, pids=0, shm=0)),
    ],
    ids=["cpu", "gpu", "home quota", "disk", "no limits"],
)
def test_a_lab_passes_as_the_hub_asks_for_it(body: dict[str, Any]) -> None:
    assert pruned(create(HUB, body)) == pruned({"User": "1000:1000"} | body)


@pytest.mark.parametrize("username", ["grading-python-2026", "김민지", "kim.minji@example.kr"])
def test_labs_of_all_kinds_of_names_pass(username: str) -> None:
    account = (2000, 2000) if username.startswith("grading-") else None
    body = lab_body(username, account=account)
    assert pruned(create(HUB, body, body["Hostname"])) == pruned({"User": "1000:1000"} | body)


def test_a_lab_passes_whose_home_is_a_folder() -> None:
    site = dataclasses.replace(SITE, homes="/srv/homes")
    body = lab_body(site=site)
    assert body["HostConfig"]["Mounts"][0]["Source"] == "/srv/homes/minji"
    assert pruned(check_lab(site, "test-minji", body)) == pruned({"User": "1000:1000"} | body)


@pytest.mark.parametrize(("device", "judged"), [("", True), ("GPU-1", True), ("", False)])
def test_a_marking_passes_as_a_grader_asks_for_it(device: str, judged: bool) -> None:
    body = marking_body(device=device, judged=judged)
    assert pruned(create(GRADER, body)) == pruned(body)


def test_the_folder_of_a_marking_and_the_labs_network_pass() -> None:
    folder = decide(GRADER, "POST", "/v1.41/volumes/create", folder_body())
    assert json.loads(folder.body) == folder_body()
    network = decide(HUB, "POST", "/v1.41/networks/create", network_request())
    assert json.loads(network.body) == network_request() == network_body(NETWORK, "test")


#: where, and what; each is a way out of a container, or into somebody else's
ESCAPES: dict[str, tuple[str, Any]] = {
    "privileged": ("HostConfig.Privileged", True),
    "privileged in small letters": ("HostConfig.privileged", True),
    "another HostConfig in small letters": ("hostconfig", {"Privileged": True}),
    "the letter K of Kelvin": ("HostConfig.Networ\u212aMode", "host"),
    "the machine's network": ("HostConfig.NetworkMode", "host"),
    "another container's network": ("HostConfig.NetworkMode", "container:db"),
    "the engine's own network": ("HostConfig.NetworkMode", "bridge"),
    "another network besides": ("NetworkingConfig", {"EndpointsConfig": {"db": {}}}),
    "an address of the campus's": (
        "NetworkingConfig",
        {"EndpointsConfig": {"test-labs": {"IPAMConfig": {"IPv4Address": "10.213.0.2"}}}},
    ),
    "a capability": ("HostConfig.CapAdd", ["SYS_ADMIN"]),
    "capabilities kept": ("HostConfig.CapDrop", []),
    "fewer dropped": ("HostConfig.CapDrop", ["NET_RAW"]),
    "capabilities by a list": ("HostConfig.Capabilities", ["SYS_ADMIN"]),
    "new privileges": ("HostConfig.SecurityOpt", []),
    "new privileges, said so": ("HostConfig.SecurityOpt", ["no-new-privileges:false"]),
    "no seccomp": ("HostConfig.SecurityOpt", ["no-new-privileges", "seccomp=unconfined"]),
    "no apparmor": ("HostConfig.SecurityOpt", ["no-new-privileges", "apparmor=unconfined"]),
    "unmasked paths": ("HostConfig.SecurityOpt", ["no-new-privileges", "systempaths=unconfined"]),
    "masked paths of its own": ("HostConfig.MaskedPaths", ["/proc/nothing"]),
    "read-only paths of its own": ("HostConfig.ReadonlyPaths", ["/proc/nothing"]),
    "the machine's processes": ("HostConfig.PidMode", "host"),
    "another container's processes": ("HostConfig.PidMode", "container:db"),
    "the machine's IPC": ("HostConfig.IpcMode", "host"),
    "the machine's name": ("HostConfig.UTSMode", "host"),
    "the machine's users": ("HostConfig.UsernsMode", "host"),
    "the machine's control groups": ("HostConfig.CgroupnsMode", "host"),
    "a control group": ("HostConfig.CgroupParent", "/"),
    "a device": (
        "HostConfig.Devices",
        [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda", "CgroupPermissions": "rwm"}],
    ),
    "a rule for devices": ("HostConfig.DeviceCgroupRules", ["b *:* rwm"]),
    "all GPUs": ("HostConfig.DeviceRequests", [{"Count": -1, "Capabilities": [["gpu"]]}]),
    "all GPUs by id": ("HostConfig.DeviceRequests", [{"DeviceIDs": ["all"], "Capabilities": [["gpu"]]}]),
    "two GPUs as one": ("HostConfig.DeviceRequests", [{"DeviceIDs": ["GPU-1,GPU-2"], "Capabilities": [["gpu"]]}]),
    "another driver's device": (
        "HostConfig.DeviceRequests",
        [{"Driver": "cdi", "DeviceIDs": ["vendor.com/disk=sda"], "Capabilities": [["gpu"]]}],
    ),
    "the image's own wish for all GPUs": ("Env", ["NVIDIA_VISIBLE_DEVICES=all"]),
    "no word about GPUs": ("Env", ["A=b"]),
    "GPUs, said after": ("Env", ["NVIDIA_VISIBLE_DEVICES=void", "NVIDIA_VISIBLE_DEVICES=all"]),
    "a library for the runtime's hooks": ("Env", ["NVIDIA_VISIBLE_DEVICES=void", "LD_PRELOAD=/proc/self/cwd/x.so"]),
    "a variable unset": ("Env", ["NVIDIA_VISIBLE_DEVICES=void", "PATH"]),
    "another container's volumes": ("HostConfig.VolumesFrom", ["db"]),
    "a bind in the old way": ("HostConfig.Binds", ["/:/machine"]),
    "a bind of nothing much": ("HostConfig.Binds", ["test-minji-home:/home/learner"]),
    "the engine's socket": ("HostConfig.Mounts.0", {"Type": "bind", "Source": "/var/run/docker.sock", "Target": "/s"}),
    "the machine": ("HostConfig.Mounts.0", {"Type": "bind", "Source": "/", "Target": "/machine", "ReadOnly": True}),
    "a volume of the database": (
        "HostConfig.Mounts.0",
        {"Type": "volume", "Source": "test_database", "Target": "/home/learner", "ReadOnly": False},
    ),
    "a volume whose driver mounts the machine": (
        "HostConfig.Mounts.0.VolumeOptions",
        {"DriverConfig": {"Name": "local", "Options": {"type": "none", "o": "bind", "device": "/"}}},
    ),
    "a size that says more": (
        "HostConfig.Mounts.0.VolumeOptions",
        {"DriverConfig": {"Name": "local", "Options": {"size": "1,o=bind"}}},
    ),
    "a volume of a plugin": (
        "HostConfig.Mounts.0.VolumeOptions",
        {"DriverConfig": {"Name": "rclone", "Options": {"size": "1"}}},
    ),
    "a folder within a volume": ("HostConfig.Mounts.0.VolumeOptions", {"Subpath": "../../.."}),
    "a pipe": ("HostConfig.Mounts.0.Type", "npipe"),
    "an image as a mount": ("HostConfig.Mounts.0.Type", "image"),
    "a driver for volumes": ("HostConfig.VolumeDriver", "rclone"),
    "anonymous volumes": ("Volumes", {"/x": {}}),
    "memory over the machine's": ("HostConfig.Tmpfs", {"/proc": "rw,nosuid,nodev"}),
    "memory with set-uid programs": ("HostConfig.Tmpfs", {"/tmp": "rw,exec"}),
    "memory with more to say": ("HostConfig.Tmpfs", {"/tmp": "rw,nosuid,nodev,device=/dev/sda"}),
    "a switch of the kernel": ("HostConfig.Sysctls", {"kernel.core_pattern": "|/bin/sh"}),
    "a switch besides": (
        "HostConfig.Sysctls",
        {"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv4.ip_unprivileged_port_start": "0"},
    ),
    "another runtime": ("HostConfig.Runtime", "nvidia"),
    "a start at every boot": ("HostConfig.RestartPolicy", {"Name": "always"}),
    "a log that goes elsewhere": ("HostConfig.LogConfig", {"Type": "syslog", "Config": {"syslog-address": "tcp://x"}}),
    "a port of the machine": ("HostConfig.PortBindings", {"22/tcp": [{"HostPort": "22"}]}),
    "all ports": ("HostConfig.PublishAllPorts", True),
    "groups": ("HostConfig.GroupAdd", ["docker"]),
    "links": ("HostConfig.Links", ["db:db"]),
    "names of hosts": ("HostConfig.ExtraHosts", ["hub:10.0.0.1"]),
    "a resolver": ("HostConfig.Dns", ["10.0.0.1"]),
    "the last to go": ("HostConfig.OomScoreAdj", -1000),
    "never to go": ("HostConfig.OomKillDisable", True),
    "processes without end": ("HostConfig.PidsLimit", -1),
    "swap": ("HostConfig.MemorySwap", -1),
    "true for a number": ("HostConfig.Memory", True),
    "real time": ("HostConfig.CpuRealtimeRuntime", 950000),
    "where the id is written": ("HostConfig.ContainerIDFile", "/etc/cron.d/x"),
    "root": ("User", "0:0"),
    "root's group": ("User", "1000:0"),
    "an account by name": ("User", "root"),
    "an image by a path": ("Image", "../../etc"),
    "an address of hardware": ("MacAddress", "02:42:00:00:00:01"),
    "something new": ("HostConfig.SomethingNew", {"a": 1}),
}


MARKING_ALONE = {
    "a network": ("HostConfig.NetworkMode", "test-labs"),
    "a home of a learner": (
        "HostConfig.Mounts.0",
        {
            **{"Type": "volume", "Source": "test-minji-home"},
            "Target": "/sandbox/work",
            "VolumeOptions": {"NoCopy": True},
        },
    ),
    "a volume with a driver": (
        "HostConfig.Mounts.0.VolumeOptions",
        {"NoCopy": True, "DriverConfig": {"Options": {"type": "none", "o": "bind", "device": "/"}}},
    ),
    "IPC of somebody else": ("HostConfig.IpcMode", "shareable"),
    "an image that is written": ("HostConfig.ReadonlyRootfs", False),
    "another first program": ("Entrypoint", ["/bin/sh"]),
    "a look now and then": ("Healthcheck", {"Test": ["CMD", "sh"]}),
    "a lab's labels": ("Labels", lab_body()["Labels"]),
    "no limit of memory": ("HostConfig.Memory", None),
}


LAB_ALONE = {
    "no network": ("HostConfig.NetworkMode", "none"),
    "IPv6": ("HostConfig.Sysctls", {}),
    "another campus's name": ("Labels", lab_body()["Labels"] | {"kr.bitgoeul.campus": "other"}),
    "nobody's": ("Labels", {"kr.bitgoeul.campus": "test"}),
    "a label of Compose's": ("Labels", lab_body()["Labels"] | {"com.docker.compose.project": "test"}),
    "somebody else's label": ("Labels", lab_body()["Labels"] | {"kr.bitgoeul.user": "jihun"}),
    "another host's name": ("Hostname", "hub"),
    "another account": ("User", "2000:2000"),
    "a program": ("Cmd", ["sh"]),
    "a first program": ("Entrypoint", ["sh"]),
    "an image that is written without end": ("HostConfig.ReadonlyRootfs", False),
    "somebody else's home": ("HostConfig.Mounts.0.Source", "test-jihun-home"),
    "a home elsewhere": ("HostConfig.Mounts.0.Target", "/etc"),
    "course data to be written": ("HostConfig.Mounts.1.ReadOnly", False),
    "more than the course data": ("HostConfig.Mounts.1.Source", "/srv"),
    "the course data and back": ("HostConfig.Mounts.1.Source", "/srv/data/../.."),
    "mounts that reach the machine": ("HostConfig.Mounts.1.BindOptions", {"Propagation": "rshared"}),
    "folders of the machine below": (
        "HostConfig.Mounts.1.BindOptions",
        {"Propagation": "rprivate", "NonRecursive": True},
    ),
    "an offering": (
        "HostConfig.Mounts.1",
        {"Type": "bind", "Source": "/srv/offerings/python", "Target": "/srv/offerings/python", "ReadOnly": False},
    ),
}


@pytest.mark.parametrize(("place", "value"), (ESCAPES | LAB_ALONE).values(), ids=ESCAPES | LAB_ALONE)
def test_a_lab_with_a_way_out_is_refused(place: str, value: Any) -> None:
    with pytest.raises(Refused):
        create(HUB, changed(lab_body(), place, value))


@pytest.mark.parametrize(("place", "value"), (ESCAPES | MARKING_ALONE).values(), ids=ESCAPES | MARKING_ALONE)
def test_a_marking_with_a_way_out_is_refused(place: str, value: Any) -> None:
    with pytest.raises(Refused):
        create(GRADER, changed(marking_body(), place, value))


@pytest.mark.parametrize("username", ["grading-python", "grading-../..", "../../etc", "..", "/", "a/../b", "grading-."])
def test_no_name_of_a_user_leads_out_of_the_folders(username: str) -> None:
    site = dataclasses.replace(SITE, homes="/srv/homes")
    body = lab_body(username, site=site)
    for mount in check_lab(site, body["Hostname"], body)["HostConfig"]["Mounts"]:
        assert mount["Source"] == "/srv/data" or mount["Source"].rsplit("/", 1)[0] in ("/srv/homes", "/srv/offerings")
        assert mount["Source"].rsplit("/", 1)[1] not in (".", "..")


@pytest.mark.parametrize(
    "source", ["/srv/offerings", "/srv/offerings/../etc", "/srv/offerings/python/x", "/srv/offerings/other"]
)
def test_a_grading_server_mounts_its_offering_s_folder_and_nothing_in_or_above_it(source: str) -> None:
    body = lab_body("grading-python", account=(2000, 2000))
    assert create(HUB, body, "test-grading-python")
    with pytest.raises(Refused):
        create(HUB, changed(body, "HostConfig.Mounts.0.Source", source), "test-grading-python")


@pytest.mark.parametrize("offerings", ["/srv/offerings/..", "/srv/../etc", "/srv//offerings"])
def test_a_folder_that_the_site_names_crookedly_is_mounted_by_nobody(offerings: str) -> None:
    site = dataclasses.replace(SITE, offerings=offerings)
    body = lab_body("grading-python", site=site, account=(2000, 2000))
    with pytest.raises(Refused, match="directly below"):
        check_lab(site, "test-grading-python", body)


@pytest.mark.parametrize("account", ["0:0", "2000:0", "0:2000", "2000", "root", "2000:999"])
def test_a_grading_server_has_the_hub_s_account_and_no_other_group(account: str) -> None:
    body = changed(lab_body("grading-python", account=(2000, 2000)), "User", account)
    with pytest.raises(Refused):
        create(HUB, body, "test-grading-python")


@pytest.mark.parametrize("name", ["test-jihun", "other-minji", "hub", ""])
def test_a_lab_is_called_as_its_user_s_lab_is(name: str) -> None:
    with pytest.raises(Refused):
        create(HUB, lab_body(), name)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("DriverOpts", {"type": "none", "device": "/", "o": "bind"}),
        ("DriverOpts.device", "/dev/sda"),
        ("DriverOpts.type", "nfs"),
        ("DriverOpts.o", "bind"),
        ("DriverOpts.o", "size=1,mode=0755,uid=1000,gid=1000,nosuid,nodev,nr_inodes=9,suid"),
        ("DriverOpts.O", "bind"),
        ("Driver", "rclone"),
        ("Name", "test-minji-home"),
        ("Name", "bitgoeul-0011223344556677/../x"),
        ("Labels", {}),
        ("Labels", lab_body()["Labels"]),
        ("ClusterVolumeSpec", {"Group": "x"}),
    ],
)
def test_a_grader_s_folder_is_memory_and_nothing_else(place: str, value: Any) -> None:
    with pytest.raises(Refused):
        decide(GRADER, "POST", "/v1.41/volumes/create", changed(folder_body(), place, value))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("Name", "other"),
        ("Driver", "macvlan"),
        ("Options", {"parent": "eth0"}),
        ("Options", network_request()["Options"] | {"com.docker.network.bridge.enable_icc": "true"}),
        ("Options", network_request()["Options"] | {"com.docker.network.bridge.name": "docker0"}),
        ("IPAM.Config.0.IPRange", "10.213.0.0/24"),
        ("EnableIPv6", True),
        ("Attachable", True),
    ],
)
def test_no_network_is_made_but_the_labs(place: str, value: Any) -> None:
    with pytest.raises(Refused):
        decide(HUB, "POST", "/v1.41/networks/create", changed(network_request(), place, value))


def test_a_learner_s_lab_is_never_who_its_image_says() -> None:
    assert "User" not in lab_body()
    assert create(HUB, lab_body())["User"] == "1000:1000"


def test_what_is_empty_is_not_sent_on_since_emptiness_may_mean_much() -> None:
    body = changed(changed(lab_body(), "HostConfig.MaskedPaths", []), "HostConfig.Privileged", False)
    assert {"MaskedPaths", "Privileged"} & set(create(HUB, body)["HostConfig"]) == set()


def test_a_refusal_names_the_rule_and_tells_no_environment() -> None:
    with pytest.raises(Refused, match=r'HostConfig.NetworkMode is "host"; it must be "test-labs"'):
        create(HUB, changed(lab_body(), "HostConfig.NetworkMode", "host"))
    with pytest.raises(Refused) as refused:
        create(HUB, changed(lab_body(), "Env", ["TOKEN=secret", 3]))
    assert "secret" not in str(refused.value)
