"""From the click to a lab in a container that is ready, and what it holds: ours, plain DockerSpawner, `docker run`.

One run on one engine, in turn: `ROUNDS` starts of one person, `CLASSES` of `TOGETHER` people at the same moment. Ready
is what a hub calls ready, the route in the proxy included; by hand it is the first answer at the container's port.
Parts of a start are read afterwards from the engine's events, the lab's log and the hub's.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from bench.container_people import IMAGE, NEEDED, OwnEngine, can_run, engine_has, own_engine
from bench.ordinary_image import ensure_ordinary_image
from bench.report import CannotMeasure, Result
from bench.spawn_look import Memory, Parts, Start, cpu_of, memory_of, parts_of
from bench.spawn_ways import ByHand, Ours, OurWay, Stock, Way

ROUNDS = 7
CLASSES = 3
TOGETHER = 10
#: seconds after its page was opened, at which a lab is taken to rest
AT_REST = 8
PEERS = {"stock": "plain DockerSpawner", "by hand": "docker run by hand"}
PARTS = {
    "before": "hub and lease, before the engine is called",
    "create": "container is made",
    "start": "container is started",
    "server": "Python, until the server runs",
    "check": "hub sees that it answers",
    "route": "route in the proxy",
}


@dataclass
class Seen:
    """What was seen of one way."""

    singles: list[Start] = field(default_factory=list)
    classes: list[list[Start]] = field(default_factory=list)
    parts: list[Parts] = field(default_factory=list)
    class_parts: list[Parts] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)

    def single(self, what: Callable[[Start], float] = lambda start: start.seconds) -> float:
        return statistics.median(map(what, self.singles))

    def part(self, name: str) -> float:
        return statistics.median([float(getattr(parts, name)) for parts in self.parts])

    def class_part(self, name: str) -> float:
        return statistics.median([float(getattr(parts, name)) for parts in self.class_parts])

    def held(self, name: str) -> float:
        return statistics.median([float(getattr(memory, name)) for memory in self.memory])

    def last_of_class(self) -> float:
        return statistics.median(
            max(start.ready for start in starts) - min(start.clicked for start in starts) for starts in self.classes
        )

    def of_class(self) -> float:
        return statistics.median(start.seconds for starts in self.classes for start in starts)


def measure() -> list[Result]:
    """Medians. CannotMeasure where this machine can't run an engine of the bench's own, or lacks the lab's image."""
    if not can_run():
        raise CannotMeasure(f"It starts a container engine of its own: run it as root, with {', '.join(NEEDED)}.")
    if not engine_has(IMAGE):
        raise CannotMeasure(f"The engine that DOCKER_HOST names has no {IMAGE}: make images ARGS=lab-cpu")
    ordinary = ensure_ordinary_image()
    with (
        tempfile.TemporaryDirectory(prefix="bitgoeul-bench-") as folder,
        own_engine([IMAGE, ordinary]) as engine,
        opened(engine, Path(folder), ordinary) as (ways, names),
    ):
        return results(run(engine, ways, names))


@contextmanager
def opened(engine: OwnEngine, folder: Path, ordinary: str) -> Iterator[tuple[dict[str, Way], list[str]]]:
    """The three ways, each with its hub running, and the names of people who have no lab yet."""
    ours, stock = Ours(engine, folder / "campus"), Stock(engine, folder / "stock", ordinary)
    try:
        names = ours.open(1 + ROUNDS + CLASSES * TOGETHER)
        stock.open(names)
        yield {"ours": OurWay(ours), "stock": stock, "by hand": ByHand(stock)}, names
    finally:
        stock.close()
        ours.stop()


def run(engine: OwnEngine, ways: dict[str, Way], names: Sequence[str]) -> dict[str, Seen]:
    """Everything, in turn. Each way's first person isn't counted: files of the image are read for the first time."""
    seen = {name: Seen() for name in ways}
    waiting = iter(names)
    for number in range(1 + ROUNDS):
        person = next(waiting)
        for name, way in ways.items():
            one = Seen()
            single(engine, way, person, one)
            if number:
                seen[name].singles += one.singles
                seen[name].parts += one.parts
                seen[name].memory += one.memory
    for _ in range(CLASSES):
        people = [next(waiting) for _ in range(TOGETHER)]
        for name, way in ways.items():
            starts = way.start(people)
            seen[name].classes.append(starts)
            if way.log is not None:
                seen[name].class_parts += [
                    parts_of(engine.api, way.container(start.username), start, way.log) for start in starts
                ]
            way.put_away(people)
    return seen


def single(engine: OwnEngine, way: Way, person: str, seen: Seen) -> None:
    """One start, looked at from all sides."""
    [start] = way.start([person], page=True)
    container = way.container(person)
    seen.singles.append(replace(start, cpu=cpu_of(engine.api, container)))
    if way.log is not None:
        seen.parts.append(parts_of(engine.api, container, start, way.log))
        time.sleep(AT_REST)
        seen.memory.append(memory_of(engine.api, container))
    way.put_away([person])


def results(seen: dict[str, Seen]) -> list[Result]:
    ours, stock, by_hand = (seen[name] for name in ("ours", "stock", "by hand"))
    told = [
        Result(what, figure(ours), "s", PEERS[name], figure(seen[name]))
        for what, figure in (
            ("click to ready, one", Seen.single),
            (f"click to ready, {TOGETHER} at once: the last", Seen.last_of_class),
            (f"click to ready, {TOGETHER} at once: median", Seen.of_class),
        )
        for name in PEERS
    ]
    return [
        *told,
        Result(
            "click to JupyterLab's page, one",
            ours.single(lambda start: start.seconds + start.page),
            "s",
            PEERS["stock"],
            stock.single(lambda start: start.seconds + start.page),
        ),
        *(
            Result(f"one: {PARTS[part.name]}", ours.part(part.name), "s", PEERS["stock"], stock.part(part.name))
            for part in fields(Parts)
        ),
        *(
            Result(
                f"{TOGETHER} at once: {PARTS[part.name]}",
                ours.class_part(part.name),
                "s",
                PEERS["stock"],
                stock.class_part(part.name),
            )
            for part in fields(Parts)
        ),
        Result(
            "processor time of the container until its page is there",
            ours.single(lambda start: start.cpu),
            "s",
            PEERS["stock"],
            stock.single(lambda start: start.cpu),
        ),
        Result("memory at rest, its own", ours.held("own"), "MiB", PEERS["stock"], stock.held("own")),
        Result(
            "memory at rest, with files in use",
            ours.held("working_set"),
            "MiB",
            PEERS["stock"],
            stock.held("working_set"),
        ),
        Result("plain DockerSpawner, click to ready, one", stock.single(), "s", PEERS["by hand"], by_hand.single()),
        Result(
            f"plain DockerSpawner, {TOGETHER} at once: the last",
            stock.last_of_class(),
            "s",
            PEERS["by hand"],
            by_hand.last_of_class(),
        ),
    ]
