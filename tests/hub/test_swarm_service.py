"""What a Swarm is asked for when a lab is made, and what its guard puts between labs."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pytest

from hub_config.containers import Mount
from hub_config.leases import Hardware, Lease
from hub_config.swarm_guard import Guarded
from hub_config.swarm_service import build_service

HARDWARE = Hardware(name="gpu", image="lab", memory=2**30, cpus=1.5, shm=2**26, pids=99, disk=0)


def service(**wishes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "name": "bitgoeul-minji",
        "hardware": HARDWARE,
        "lease": None,
        "environment": {},
        "labels": {},
        "mounts": [],
        "work_folder": "/home/learner",
        "network": "labs",
    }
    return build_service(**(usual | wishes))


def test_a_named_volume_is_a_volume_and_a_folder_is_bound() -> None:
    mounts = [Mount("minji-home", "/home/learner"), Mount("/srv/data", "/srv/course-data", read_only=True)]
    spec = service(mounts=mounts, volume_driver="nfs", volume_options={"share": "x"})["task_template"]["ContainerSpec"]
    volume, folder, *_ = spec["Mounts"]
    assert (volume["Type"], volume["Source"]) == ("volume", "minji-home")
    assert volume["VolumeOptions"]["DriverConfig"] == {"Name": "nfs", "Options": {"share": "x"}}
    assert (folder["Type"], folder["ReadOnly"]) == ("bind", True)


def test_a_lease_asks_for_one_resource_of_its_kind() -> None:
    resources = service(lease=Lease(7, "1g.18gb", "MIG-1", "node1"))["task_template"]["Resources"]
    assert resources["Reservations"]["GenericResources"] == [{"DiscreteResourceSpec": {"Kind": "1g.18gb", "Value": 1}}]
    assert service()["task_template"]["Resources"]["Reservations"] == {}


def test_a_lab_is_never_restarted_and_never_waits_for_a_health_check() -> None:
    template = service()["task_template"]
    assert template["RestartPolicy"] == {"Condition": "none"}
    assert template["ContainerSpec"]["Healthcheck"] == {"Test": ["NONE"]}


@pytest.mark.parametrize(("version", "asked"), [((1, 41), False), ((1, 44), True), ((1, 50), True)])
def test_new_privileges_are_refused_where_a_service_can(version: tuple[int, int], asked: bool) -> None:
    spec = service(api_version=version)["task_template"]["ContainerSpec"]
    assert spec.get("Privileges", {}).get("NoNewPrivileges", False) is asked


def test_between_labs_only_the_campus_s_own_services_pass_and_of_them_the_ports_of_hub_and_portal() -> None:
    rules = Guarded(IPv4Network("10.213.0.0/16"), ("10.213.0.10",), (8081, 8010)).restore_text.splitlines()
    assert [rule.removeprefix("-A BITGOEUL-LABS ") for rule in rules if rule.startswith("-A")] == [
        "-s 10.213.0.10 -j RETURN",
        "-d 10.213.0.10 -p tcp -m tcp --dport 8081 -j RETURN",
        "-d 10.213.0.10 -p tcp -m tcp --dport 8010 -j RETURN",
        "-d 10.213.0.10 -p tcp -m tcp ! --tcp-flags SYN,ACK SYN -j RETURN",
        "-s 10.213.0.0/16 -d 10.213.0.0/16 -j REJECT --reject-with icmp-admin-prohibited",
    ]
