"""What the engine is asked for when a lab is made: limits, device, mounts, and nothing to climb out by."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hub_config.container_body import EngineAbilities, build_body
from hub_config.containers import Mount
from hub_config.leases import Hardware

GIB = 1 << 30
SLICE = Hardware("gpu-slice", "bitgoeul-lab-gpu", memory=8 * GIB, cpus=1.5, shm=2 * GIB, pids=512, disk=0)
HOME = Mount("bitgoeul-minji-home", "/home/learner")
DATA = Mount("/srv/data", "/srv/course-data", read_only=True)


def body(**changes: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "name": "bitgoeul-minji",
        "hardware": SLICE,
        "device": "",
        "environment": {"TZ": "Asia/Seoul"},
        "labels": {"kr.bitgoeul.campus": "bitgoeul", "kr.bitgoeul.user": "minji", "kr.bitgoeul.lease": "17"},
        "mounts": [HOME, DATA],
        "work_folder": "/home/learner",
        "network": "bitgoeul-labs",
    }
    return build_body(**asked | changes)


def test_the_hardware_s_limits_are_the_container_s_and_there_is_no_swap() -> None:
    host = body()["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == 8 * GIB
    assert (host["NanoCpus"], host["PidsLimit"], host["ShmSize"]) == (1_500_000_000, 512, 2 * GIB)


def test_limits_of_nothing_are_left_to_the_engine() -> None:
    host = body(hardware=Hardware("cpu", "lab", memory=0, cpus=0, shm=0, pids=0, disk=0))["HostConfig"]
    assert not {"Memory", "MemorySwap", "NanoCpus", "PidsLimit", "ShmSize"} & set(host)


def test_a_lab_has_the_leased_device_and_no_other() -> None:
    host = body(device="MIG-5f")["HostConfig"]
    assert host["DeviceRequests"] == [{"DeviceIDs": ["MIG-5f"], "Capabilities": [["gpu"]]}]
    assert "Runtime" not in host
    assert body()["HostConfig"]["DeviceRequests"] == []


def test_a_lab_has_no_capability_and_gains_none_and_is_not_privileged() -> None:
    host = body()["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert not {"Privileged", "CapAdd", "PidMode", "IpcMode", "UsernsMode", "Devices", "PortBindings"} & set(host)
    assert host["NetworkMode"] == "bitgoeul-labs"


def test_only_the_home_is_written_where_the_image_can_t_be_limited() -> None:
    host = body()["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["Tmpfs"]["/tmp"].endswith(f"size={2 * GIB}")
    assert [(mount["Type"], mount["Target"], mount["ReadOnly"]) for mount in host["Mounts"]] == [
        ("volume", "/home/learner", False),
        ("bind", "/srv/course-data", True),
    ]


def test_a_limit_of_the_disk_is_the_engine_s_business_where_it_can() -> None:
    hardware = replace(SLICE, disk=5 * GIB)
    limited = body(hardware=hardware)["HostConfig"]
    assert limited["StorageOpt"] == {"size": str(5 * GIB)}
    assert "ReadonlyRootfs" not in limited
    unable = body(hardware=hardware, abilities=EngineAbilities(limits_disk=False))["HostConfig"]
    assert unable["ReadonlyRootfs"] is True
    assert "StorageOpt" not in unable


@pytest.mark.parametrize(("able", "size"), [(True, str(3 * GIB)), (False, None)])
def test_a_home_s_quota_is_the_volume_s_size_where_the_engine_can(able: bool, size: str | None) -> None:
    home = body(home_quota=3 * GIB, abilities=EngineAbilities(limits_volumes=able))["HostConfig"]["Mounts"][0]
    assert home["VolumeOptions"].get("DriverConfig", {}).get("Options", {}).get("size") == size
    assert home["VolumeOptions"]["Labels"] == {"kr.bitgoeul.campus": "bitgoeul", "kr.bitgoeul.user": "minji"}


def test_zombies_are_reaped_and_logs_end() -> None:
    host = body()["HostConfig"]
    assert host["Init"] is True
    assert host["LogConfig"]["Config"] == {"max-size": "5m", "max-file": "2"}
    assert host["AutoRemove"] is False  # its last words are read when it died


def test_a_lab_of_another_account_has_a_home_in_memory() -> None:
    asked = body(account=(2000, 2001), mounts=[DATA])
    assert asked["User"] == "2000:2001"
    assert "uid=2000,gid=2001" in asked["HostConfig"]["Tmpfs"]["/home/learner"]
    assert "User" not in body()
