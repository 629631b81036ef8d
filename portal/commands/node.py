"""`bitgoeul node`: a GPU node tells the portal what its cards do."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import click

from portal.commands.table import layout

if TYPE_CHECKING:
    from gpus.node.cards import Sight
    from gpus.node.settings import NodeSettings

#: seconds between the two looks of --once: NVML's counters need more than 0.1
BETWEEN_LOOKS = 1.0


@click.command()
@click.option("--once", is_flag=True, help="Look once, print what was seen, tell nobody.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the reading as the portal would get it.")
@click.option(
    "--declare", is_flag=True, help="Print this node's entry for the file of declared devices, and Swarm's settings."
)
@click.option(
    "--interval",
    type=click.FloatRange(1, 15),
    default=10.0,
    envvar="BITGOEUL_NODE_INTERVAL",
    show_default=True,
    help="Seconds between readings; the driver remembers some 16 s of what older cards did.",
)
def node(once: bool, as_json: bool, declare: bool, interval: float) -> None:
    """On a GPU node: tell the portal what its cards do, until stopped.

    \b
    Example:
      bitgoeul node --once
      BITGOEUL_PORTAL_URL=https://campus.example.kr/services/portal BITGOEUL_NODE_TOKEN_FILE=token bitgoeul node

    Needs the NVIDIA driver; run it on the machine itself rather than in a container, or it can't see whose processes
    use a card. Exit status 1 where there is no card, 2 when a setting is wrong.
    """
    from cohorts.errors import CampusError
    from gpus.node.nvml import NoCards
    from gpus.node.settings import NodeSettings

    try:
        settings = NodeSettings.from_environment(os.environ)
        if declare:
            _declare(settings)
        elif once or as_json:
            _show(settings, as_json)
        else:
            _run(settings, interval)
    except CampusError as error:
        click.echo(f"{error.korean}\n{error.message}", err=True)
        sys.exit(1 if isinstance(error, NoCards) else 2)


def _run(settings: NodeSettings, interval: float) -> None:
    import httpx

    from gpus.node.agent import Agent
    from gpus.node.nvml import Cards
    from gpus.node.process_time import sees_every_process

    settings.require_portal()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    log = logging.getLogger("gpus.node")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    every_process = sees_every_process()
    if not every_process:
        log.warning("this process sees a container's processes only: devices without one are told as not known")

    def open_cards() -> Cards:
        return Cards(kinds=settings.kinds, every_process=every_process)

    open_cards().close()  # a machine without cards is said at once
    with httpx.Client(timeout=10) as http:
        log.info("%s tells %s every %g s", settings.name, settings.portal_url, interval)
        Agent(settings, open_cards, http, interval=interval).run(stop)
    log.info("stopped")


def _show(settings: NodeSettings, as_json: bool) -> None:
    sight, reading = _look(settings)
    if as_json:
        click.echo(json.dumps(reading, ensure_ascii=False, indent=2))
        return
    click.echo(f"{settings.name}  NVIDIA driver {sight.driver}")
    rows = [("장치 device", "종류 kind", "모델 model", "메모리 memory", "사용 busy", "프로세스 processes")]
    for device in reading["devices"]:
        used = "?" if device["memory_used_mib"] is None else f"{device['memory_used_mib']:,}"
        busy = "?" if device["busy"] is None else f"{device['busy']:.0%}"
        processes = "?" if device["processes"] is None else str(device["processes"])
        memory = f"{used} / {device['memory_mib']:,} MiB"
        rows.append((device["device"], device["kind"], device["model"], memory, busy, processes))
    if len(rows) > 1:
        click.echo(layout(rows))
    for lost in sight.lost:
        click.echo(f"✗ {lost.device}: 빌려줄 수 없습니다 · can't be lent: {lost.reason}")
    for card in sight.undivided:
        click.echo(
            f"◐ {card}: MIG 모드인데 나눈 장치가 없습니다 · in MIG mode, but not divided: nvidia-smi mig -cgi ... -C"
        )


def _declare(settings: NodeSettings) -> None:
    from gpus.node.readings import declaration

    sight, _ = _look(settings)
    click.echo(declaration(sight, node=settings.name), nl=False)


def _look(settings: NodeSettings) -> tuple[Sight, dict[str, Any]]:
    """What is there, with how busy it was in the last second."""
    from datetime import UTC, datetime

    from gpus.node.nvml import Cards
    from gpus.node.process_time import ProcessTimes, sees_every_process
    from gpus.node.readings import build_reading

    cards = Cards(kinds=settings.kinds, every_process=sees_every_process())
    times = ProcessTimes(time.monotonic)

    def reading(sight: Sight) -> dict[str, Any]:
        return build_reading(sight, node=settings.name, at=datetime.now(UTC), cpu=times.share)

    try:
        reading(cards.look())
        cards.settle()
        times.settle()
        time.sleep(BETWEEN_LOOKS)
        sight = cards.look()
        return sight, reading(sight)
    finally:
        cards.close()
