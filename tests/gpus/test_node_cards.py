"""What a node sees of its cards, through nvidia-ml-py and a stand-in of the driver's library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nvml_stand_in import COMPILER, NO_COMPILER, Looking, build_library, looking

pytestmark = pytest.mark.skipif(COMPILER is None, reason=NO_COMPILER)

FULL = "GPU-11111111-0000-0000-0000-000000000000"
DIVIDED = "GPU-22222222-0000-0000-0000-000000000000"
SLICES = [f"MIG-{number}0000000-0000-0000-0000-000000000000" for number in range(4)]
H200 = f"card\nuuid {FULL}\nname NVIDIA H200\nmemory 143771\nreserved 600\nused 2000\n"
V100 = f"card\nuuid {FULL}\nname Tesla V100-SXM2-32GB\nmemory 32768\nused 300\n"
HALVES = f"card\nuuid {DIVIDED}\nname NVIDIA H200\nmemory 143771\nmode 1\n"


def mig(number: int, *lines: str, name: str = "NVIDIA H200 MIG 1g.18gb") -> str:
    """A MIG device of a scene, on a GPU instance of its own unless `lines` say otherwise."""
    said = {line.split()[0]: line for line in (f"instance {7 + number} 0", "memory 16384", "used 13", *lines)}
    return "\n".join(["mig", f"uuid {SLICES[number]}", f"name {name}", *said.values(), ""])


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_library(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def eyes(library: Path, tmp_path: Path) -> Iterator[Looking]:
    with looking(library, tmp_path) as process:
        yield process


def only(sight: dict[str, Any]) -> dict[str, Any]:
    (device,) = sight["devices"]
    return dict(device)


def test_a_whole_card_is_seen_with_its_model_and_memory(eyes: Looking) -> None:
    sight = eyes.look("driver 580.65.06\n" + H200)
    assert sight["driver"] == "580.65.06"
    seen = only(sight)
    assert (seen["device"], seen["kind"], seen["model"]) == (FULL, "gpu", "NVIDIA H200")
    assert (seen["memory"], seen["memory_used"], seen["card"]) == (143771, 2000, FULL)


def test_a_divided_card_is_offered_as_its_mig_devices_only(eyes: Looking) -> None:
    sight = eyes.look(H200 + HALVES + mig(0) + "gone\n" + mig(1, name="NVIDIA H200 MIG 3g.71gb"))
    kinds = {device["device"]: device["kind"] for device in sight["devices"]}
    assert kinds == {FULL: "gpu", SLICES[0]: "1g.18gb", SLICES[1]: "3g.71gb"}
    assert {device["card"] for device in sight["devices"]} == {FULL, DIVIDED}


def test_a_card_in_mig_mode_that_is_not_divided_offers_nothing_and_is_told(eyes: Looking) -> None:
    sight = eyes.look(HALVES)
    assert (sight["devices"], sight["undivided"]) == ([], [DIVIDED])


@pytest.mark.parametrize(
    ("card", "slices", "profile"),
    [
        pytest.param(143771, "1 1 16384", "1g.18gb", id="H200, one slice of seven"),
        pytest.param(143771, "3 3 71424", "3g.71gb", id="H200, half"),
        pytest.param(40960, "1 1 4864", "1g.5gb", id="A100 40 GB, one slice of seven"),
        pytest.param(40960, "3 1 19968", "1c.3g.20gb", id="A100 40 GB, part of a GPU instance"),
        pytest.param(81920, "7 7 80896", "7g.80gb", id="A100 80 GB, all of it"),
        pytest.param(24576, "1 1 5952", "1g.6gb", id="A30"),
    ],
)
def test_a_profile_that_the_driver_does_not_name_is_derived(
    eyes: Looking, card: int, slices: str, profile: str
) -> None:
    scene = HALVES.replace("143771", str(card)) + mig(0, f"slices {slices}", name="NVIDIA of an older driver")
    assert only(eyes.look(scene))["kind"] == profile


def test_a_mig_device_whose_name_is_its_profile_alone_takes_its_model_from_the_card(eyes: Looking) -> None:
    seen = only(eyes.look(HALVES + mig(0, name="MIG 2g.35gb+me")))
    assert (seen["model"], seen["kind"]) == ("NVIDIA H200", "2g.35gb+me")


def test_a_site_names_kinds_its_own_way(library: Path, tmp_path: Path) -> None:
    with looking(library, tmp_path, kinds={"1g.18gb": "gpu-slice"}) as eyes:
        sight = eyes.look(H200 + HALVES + mig(0))
        assert [device["kind"] for device in sight["devices"]] == ["gpu", "gpu-slice"]


def test_work_between_two_looks_counts_by_the_cards_own_counters(eyes: Looking) -> None:
    assert only(eyes.look(H200 + "gpm 1000 1000000\n"))["busy"] is None
    assert only(eyes.look(H200 + "gpm 2501000 11000000\n"))["busy"] == pytest.approx(0.25)


def test_each_mig_device_has_its_own_share(eyes: Looking) -> None:
    eyes.look(HALVES + mig(0, "gpm 0 0") + mig(1, "gpm 0 0"))
    sight = eyes.look(HALVES + mig(0, "gpm 9000000 10000000") + mig(1, "gpm 0 10000000"))
    assert [device["busy"] for device in sight["devices"]] == pytest.approx([0.9, 0.0])


def test_compute_instances_of_one_gpu_instance_count_as_busy_together(eyes: Looking) -> None:
    parts = ("instance 1 0", "instance 1 1")
    eyes.look(HALVES + "".join(mig(number, part, "gpm 0 0") for number, part in enumerate(parts)))
    sight = eyes.look(HALVES + "".join(mig(number, part, "gpm 5000000 10000000") for number, part in enumerate(parts)))
    assert [device["busy"] for device in sight["devices"]] == pytest.approx([0.5, 0.5])


def test_a_look_that_nobody_took_leaves_the_next_share_counting_from_the_one_before(eyes: Looking) -> None:
    eyes.look(H200 + "gpm 0 0\n")
    eyes.look(H200 + "gpm 10000000 10000000\n", settle=False)
    assert only(eyes.look(H200 + "gpm 10000000 20000000\n"))["busy"] == pytest.approx(0.5)


def test_a_mig_device_that_was_away_for_a_look_begins_anew(eyes: Looking) -> None:
    eyes.look(HALVES + mig(0, "gpm 0 0"))
    eyes.look(HALVES)
    assert only(eyes.look(HALVES + mig(0, "gpm 0 20000000")))["busy"] is None


def test_counters_that_did_not_move_say_nothing(eyes: Looking) -> None:
    eyes.look(H200 + "gpm 5 5\n")
    assert only(eyes.look(H200 + "gpm 5 5\n"))["busy"] is None


def test_before_hopper_a_short_burst_between_looks_is_in_the_drivers_samples(eyes: Looking) -> None:
    def sampled(first: int, shares: list[int]) -> str:
        return V100 + "".join(f"sample {first + i * 200_000} {share}\n" for i, share in enumerate(shares))

    eyes.look(sampled(1_000_000, [0] * 5))
    assert only(eyes.look(sampled(1_000_000, [0] * 5 + [100] * 5 + [0] * 45)))["busy"] == pytest.approx(0.1)


def test_samples_that_do_not_reach_back_to_the_last_look_claim_nothing(eyes: Looking) -> None:
    eyes.look(V100 + "sample 1000000 0\n")
    assert only(eyes.look(V100 + "sample 60000000 0\n"))["busy"] is None


def test_samples_count_from_the_last_look_that_was_taken(eyes: Looking) -> None:
    assert only(eyes.look(V100 + "sample 1000000 90\n"))["busy"] is None
    more = V100 + "sample 1000000 90\nsample 2000000 80\n"
    assert only(eyes.look(more, settle=False))["busy"] == pytest.approx(0.8)
    assert only(eyes.look(more + "sample 3000000 0\n"))["busy"] == pytest.approx(0.4)
    assert only(eyes.look(more + "sample 3000000 0\n"))["busy"] is None


def test_a_card_without_samples_is_not_measured(eyes: Looking) -> None:
    assert only(eyes.look(V100))["busy"] is None


def test_a_mig_device_before_hopper_is_not_measured_but_its_processes_and_memory_are(eyes: Looking) -> None:
    seen = only(eyes.look(HALVES + mig(0, "process 4711", "used 1200", name="NVIDIA A100-SXM4-40GB MIG 1g.5gb")))
    assert (seen["busy"], seen["pids"], seen["memory_used"]) == (None, [4711], 1200)


def test_older_drivers_list_processes_and_memory_too(eyes: Looking) -> None:
    missing = "lacks nvmlDeviceGetComputeRunningProcesses_v3\nlacks nvmlDeviceGetMemoryInfo_v2\n"
    missing += "".join(f"lacks nvmlGpm{name}\n" for name in ("QueryDeviceSupport", "SampleGet", "MetricsGet"))
    seen = only(eyes.look(missing + V100 + "process 12\nprocess 7\n"))
    assert (seen["pids"], seen["memory_used"], seen["busy"]) == ([7, 12], 300, None)


def test_a_device_without_process_has_none(eyes: Looking) -> None:
    assert only(eyes.look(H200))["pids"] == []


def test_no_process_is_not_known_from_within_a_container(library: Path, tmp_path: Path) -> None:
    with looking(library, tmp_path, every_process=False) as eyes:
        assert only(eyes.look(H200))["pids"] is None
        assert only(eyes.look(H200 + "process 8\n"))["pids"] == [8]


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        pytest.param("handle 15", "GPU is lost", id="fallen off the bus"),
        pytest.param("fails 15", "GPU is lost", id="falls off the bus while it is looked at"),
        pytest.param("fails 16", "GPU requires restart", id="wants a reset"),
        pytest.param("ecc 3", "3 uncorrectable memory errors", id="memory errors"),
        pytest.param("fails 999", "Unknown Error", id="something unheard of"),
    ],
)
def test_a_card_in_trouble_is_lost_and_the_others_go_on(eyes: Looking, trouble: str, reason: str) -> None:
    eyes.look(HALVES + mig(0) + mig(1) + H200)
    sight = eyes.look(HALVES + trouble + "\n" + mig(0) + mig(1) + H200)
    assert [device["device"] for device in sight["devices"]] == [FULL]
    assert [lost["device"] for lost in sight["lost"]] == SLICES[:2]
    assert all(reason in lost["reason"] for lost in sight["lost"])


def test_a_lost_card_that_was_never_seen_is_told_by_its_place(eyes: Looking) -> None:
    sight = eyes.look(H200 + HALVES + "handle 15\n")
    assert [lost["device"] for lost in sight["lost"]] == ["card 1"]


def test_a_card_that_comes_back_is_offered_again(eyes: Looking) -> None:
    eyes.look(H200)
    assert eyes.look(H200 + "handle 15\n")["devices"] == []
    assert eyes.look(H200)["lost"] == []


def test_corrected_memory_errors_trouble_nobody(eyes: Looking) -> None:
    assert eyes.look(H200 + "ecc 0\n")["lost"] == []


def test_a_mig_device_that_is_taken_apart_while_it_is_looked_at_is_left_out(eyes: Looking) -> None:
    sight = eyes.look(HALVES + mig(0, "fails 2") + mig(1))
    assert [device["device"] for device in sight["devices"]] == [SLICES[1]]
    assert sight["lost"] == []


@pytest.mark.parametrize(
    ("scene", "says"),
    [
        pytest.param("", "knows no card", id="a driver without a card"),
        pytest.param("init 9\n" + H200, "no NVIDIA driver in use", id="the driver was unloaded"),
        pytest.param("init 18\n" + H200, "restart the node", id="the driver was replaced"),
    ],
)
@pytest.mark.parametrize("opened", [False, True], ids=["at the start", "later"])
def test_trouble_of_the_library_is_said_in_both_languages(eyes: Looking, scene: str, says: str, opened: bool) -> None:
    if opened:
        eyes.look(H200)
    told = eyes.look(scene)
    assert says in told["error"]
    assert any("가" <= letter <= "힣" for letter in told["korean"])


def test_nothing_of_the_drivers_is_left_behind(eyes: Looking) -> None:
    for clock in range(5):
        eyes.look(H200 + f"gpm 0 {clock}000000\n" + HALVES + mig(0, f"gpm 0 {clock}000000") + mig(1))
    eyes.look(H200 + "gpm 0 9000000\nhandle 15\n")
    eyes.look(H200 + "gpm 0 9000000\n", settle=False)
    assert eyes.close() == 0
