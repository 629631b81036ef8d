"""NVML, the driver's own library, by NVIDIA's package nvidia-ml-py: the one module that knows it.

Owns which devices a node has, and how busy each was since the last settled look. How it is measured:

* Hopper and later: GPM counters, which cover all the time between two looks; on MIG per GPU instance, so that compute
  instances that share one count as busy together
* whole cards before Hopper: the driver's buffer of samples, some 16 s long; where it doesn't reach back to the last
  look, nothing is claimed. NVML's utilization rate isn't used: it knows the last second at most
* MIG devices before Hopper (A100, A30): nobody measures it; `busy` is None, processes and memory tell what they can

A card that fell off the bus, wants a reset or had uncorrectable memory errors is told as lost; the others go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pynvml

from cohorts.errors import CampusError
from gpus.node.cards import WHOLE_CARD, Device, Lost, Sight, profile_in_name, profile_of_slices, renamed

MIB = 2**20
#: µs between samples that is still no hole: the driver takes them every 1/6 to 1 s
LARGEST_SAMPLE_GAP = 3_000_000
#: errors that are the library's, not one card's
OF_THE_LIBRARY = frozenset(
    {
        pynvml.NVML_ERROR_UNINITIALIZED,
        pynvml.NVML_ERROR_DRIVER_NOT_LOADED,
        pynvml.NVML_ERROR_LIBRARY_NOT_FOUND,
        pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
    }
)
#: errors after which nothing that a card says counts
OF_THE_CARD = frozenset({pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED})


class NoCards(CampusError):
    """This machine has no NVIDIA card that its driver knows."""


class _Unsound(Exception):
    """The card answers, but must not be lent."""


class Cards:
    """NVML, opened; close it. For one thread. Handles are fetched anew at each look, as cards come and go.

    `every_process` says whether this process sees all of the machine's processes: where it doesn't, as in a container
    with process ids of its own, NVML leaves out the others, and an empty list means nothing.
    """

    def __init__(self, *, kinds: Mapping[str, str], every_process: bool) -> None:
        self._kinds = kinds
        self._every_process = every_process
        self._known: dict[int, tuple[str, ...]] = {}
        self._gpm = _Gpm()
        self._sampled: dict[str, int] = {}  # newest sample of the settled look, by card
        self._sampling: dict[str, int] = {}
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            raise _no_cards(error) from error

    def look(self) -> Sight:
        """What is there now. NoCards when the library itself fails; a card that fails is told as lost."""
        try:
            driver = str(pynvml.nvmlSystemGetDriverVersion())
            count = pynvml.nvmlDeviceGetCount()
        except pynvml.NVMLError as error:
            raise _no_cards(error) from error
        if count == 0:
            raise _no_cards(None)
        devices: list[Device] = []
        lost: list[Lost] = []
        undivided: list[str] = []
        self._gpm.begin()
        for index in range(count):
            try:
                card = pynvml.nvmlDeviceGetHandleByIndex(index)
                found, uuid = self._of_card(card, index)
            except (pynvml.NVMLError, _Unsound) as error:
                if getattr(error, "value", None) in OF_THE_LIBRARY:
                    raise _no_cards(error) from error
                names = self._known.get(index) or (f"card {index}",)
                lost += [Lost(name, str(error)) for name in names]
                continue
            self._known[index] = tuple(device.device for device in found) or (uuid,)
            devices += found
            if not found:
                undivided.append(uuid)
        return Sight(driver, tuple(devices), tuple(lost), tuple(undivided))

    def settle(self) -> None:
        """Make the last look the one that `busy` counts from."""
        self._gpm.settle()
        self._sampled |= self._sampling

    def close(self) -> None:
        self._gpm.close()
        _maybe(pynvml.nvmlShutdown)

    def _of_card(self, card: Any, index: int) -> tuple[list[Device], str]:
        """The card's devices, and its own id."""
        uuid = str(pynvml.nvmlDeviceGetUUID(card))
        self._known.setdefault(index, (uuid,))
        errors = _maybe(
            pynvml.nvmlDeviceGetTotalEccErrors,
            card,
            pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED,
            pynvml.NVML_VOLATILE_ECC,
        )
        if errors:
            raise _Unsound(f"{errors} uncorrectable memory errors since the driver was loaded: reset the card")
        mode = _maybe(pynvml.nvmlDeviceGetMigMode, card)
        if mode is not None and mode[0] == pynvml.NVML_DEVICE_MIG_ENABLE:
            return self._mig_devices(card, uuid), uuid
        model = str(pynvml.nvmlDeviceGetName(card))
        return [self._device(card, uuid, WHOLE_CARD, model, self._busy_card(card, uuid), uuid)], uuid

    def _mig_devices(self, card: Any, uuid: str) -> list[Device]:
        found = []
        for index in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(card)):
            # places for MIG devices are numbered with holes, and a device may be taken apart while it is looked at
            device = _maybe(self._mig_device, card, uuid, index)
            if device is not None:
                found.append(device)
        return found

    def _mig_device(self, card: Any, uuid: str, index: int) -> Device:
        mig = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(card, index)
        model, profile = profile_in_name(str(pynvml.nvmlDeviceGetName(mig)))
        instance = _maybe(pynvml.nvmlDeviceGetGpuInstanceId, mig)
        busy = None if instance is None else self._gpm.share(card, uuid, instance)
        name = str(pynvml.nvmlDeviceGetUUID(mig))
        model = model or str(pynvml.nvmlDeviceGetName(card))  # a driver may name the profile alone
        return self._device(mig, name, profile or _profile(card, mig), model, busy, uuid)

    def _device(self, handle: Any, name: str, kind: str, model: str, busy: float | None, card: str) -> Device:
        memory = _memory(handle)
        return Device(
            device=name,
            kind=renamed(kind, self._kinds),
            model=model,
            memory=memory.total // MIB,
            busy=busy,
            memory_used=memory.used // MIB,
            pids=self._pids(handle),
            card=card,
        )

    def _pids(self, handle: Any) -> tuple[int, ...] | None:
        processes = _maybe(pynvml.nvmlDeviceGetComputeRunningProcesses_v3, handle)
        if processes is None:  # drivers before 510
            processes = _maybe(pynvml.nvmlDeviceGetComputeRunningProcesses_v2, handle)
        if processes is None or not (processes or self._every_process):
            return None
        return tuple(sorted({int(process.pid) for process in processes}))

    def _busy_card(self, card: Any, uuid: str) -> float | None:
        share = self._gpm.share(card, uuid, None)
        if share is not None:
            return share
        since = self._sampled.get(uuid)
        kept = _maybe(pynvml.nvmlDeviceGetSamples, card, pynvml.NVML_GPU_UTILIZATION_SAMPLES, since or 0)
        if kept is None:
            return None
        times = {int(sample.timeStamp): float(sample.sampleValue.uiVal) / 100 for sample in kept[1]}
        self._sampling[uuid] = max([since or 0, *times])
        return share_of_samples(times, since)


class _Gpm:
    """GPM counters by card and GPU instance: the settled ones, and those of the look that is under way."""

    def __init__(self) -> None:
        self._settled: dict[tuple[str, int | None], Any] = {}
        self._now: dict[tuple[str, int | None], Any] = {}
        self._shares: dict[tuple[str, int | None], float | None] = {}

    def begin(self) -> None:
        self._shares = {}
        self._free(self._now)

    def share(self, card: Any, uuid: str, instance: int | None) -> float | None:
        """The share of the time since the settled look; None for the first look and before Hopper."""
        key = (uuid, instance)
        if key not in self._shares:
            self._shares[key] = self._measured(card, key)
        return self._shares[key]

    def settle(self) -> None:
        # a device that wasn't seen in this look begins anew: its counters may be another instance's by then
        self._free(self._settled)
        self._settled, self._now = self._now, {}

    def close(self) -> None:
        self._free(self._settled)
        self._free(self._now)

    def _measured(self, card: Any, key: tuple[str, int | None]) -> float | None:
        support = _maybe(pynvml.nvmlGpmQueryDeviceSupport, card)
        if support is None or not support.isSupportedDevice:
            return None
        sample = _maybe(pynvml.nvmlGpmSampleAlloc)
        if sample is None:
            return None
        self._now[key] = sample  # before it is filled, so that it is freed whatever comes
        if key[1] is None:
            filled = _maybe(pynvml.nvmlGpmSampleGet, card, sample)
        else:
            filled = _maybe(pynvml.nvmlGpmMigSampleGet, card, key[1], sample)
        if filled is None:
            _maybe(pynvml.nvmlGpmSampleFree, self._now.pop(key))
            return None
        return _between(self._settled[key], sample) if key in self._settled else None

    @staticmethod
    def _free(samples: dict[tuple[str, int | None], Any]) -> None:
        while samples:
            _maybe(pynvml.nvmlGpmSampleFree, samples.popitem()[1])


def share_of_samples(samples: Mapping[int, float], since: int | None) -> float | None:
    """The mean of the samples (share by time in µs) after `since`; None where they don't reach back to it."""
    shares = {at: share for at, share in samples.items() if at > (since or 0)}
    if since is None or not shares or min(shares) - since > LARGEST_SAMPLE_GAP:
        return None
    return min(sum(shares.values()) / len(shares), 1.0)


def _between(before: Any, after: Any) -> float | None:
    wanted = (pynvml.NVML_GPM_METRIC_GRAPHICS_UTIL, pynvml.NVML_GPM_METRIC_SM_UTIL)
    asked = pynvml.c_nvmlGpmMetricsGet_t()
    asked.version = pynvml.NVML_GPM_METRICS_GET_VERSION
    asked.numMetrics = len(wanted)
    asked.sample1, asked.sample2 = before, after
    for place, metric in enumerate(wanted):
        asked.metrics[place].metricId = metric
    if _maybe(pynvml.nvmlGpmMetricsGet, asked) is None:
        return None
    told = [
        asked.metrics[place].value
        for place in range(len(wanted))
        if asked.metrics[place].nvmlReturn == pynvml.NVML_SUCCESS and math.isfinite(asked.metrics[place].value)
    ]
    return min(max(0.0, *told) / 100, 1.0) if told else None


def _profile(card: Any, mig: Any) -> str:
    has = pynvml.nvmlDeviceGetAttributes_v2(mig)
    return profile_of_slices(
        compute=has.computeInstanceSliceCount,
        slices=has.gpuInstanceSliceCount,
        memory_mb=has.memorySizeMB,
        card_bytes=_memory(card).total,
    )


def _memory(handle: Any) -> Any:
    # the second version leaves out what the driver itself keeps
    memory = _maybe(pynvml.nvmlDeviceGetMemoryInfo, handle, pynvml.nvmlMemory_v2)
    return memory if memory is not None else pynvml.nvmlDeviceGetMemoryInfo(handle)


def _maybe(ask: Callable[..., Any], *arguments: Any) -> Any:
    """The answer; None where this card, driver or account has none. What ails the card or the library is raised."""
    try:
        return ask(*arguments)
    except pynvml.NVMLError as error:
        if error.value in OF_THE_CARD | OF_THE_LIBRARY:
            raise
        return None


def _no_cards(error: pynvml.NVMLError | None) -> NoCards:
    if error is None:
        return NoCards(
            "The NVIDIA driver is here, but it knows no card: look at `nvidia-smi` and `dmesg | grep -i nvrm`.",
            "NVIDIA 드라이버는 있지만 카드가 보이지 않습니다. `nvidia-smi`와 `dmesg | grep -i nvrm`을 확인하세요.",
        )
    if error.value in (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED):
        return NoCards(
            f"This machine has no NVIDIA driver in use ({error}): run this on a GPU node, with the driver installed; "
            "in a container, give it the GPUs and NVIDIA_DRIVER_CAPABILITIES=utility.",
            f"이 기기에는 쓸 수 있는 NVIDIA 드라이버가 없습니다({error}). 드라이버를 설치한 GPU 노드에서 실행하세요. "
            "컨테이너라면 GPU와 NVIDIA_DRIVER_CAPABILITIES=utility 를 주어야 합니다.",
        )
    if error.value == pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return NoCards(
            "The NVIDIA driver was replaced while an older one still runs: restart the node.",
            "NVIDIA 드라이버를 바꾸었지만 이전 드라이버가 아직 돌고 있습니다. 노드를 다시 시작하세요.",
        )
    return NoCards(
        f"NVML can't be used: {error}. Look at `nvidia-smi` on this node.",
        f"NVML을 쓸 수 없습니다: {error}. 이 노드에서 `nvidia-smi`를 확인하세요.",
    )
