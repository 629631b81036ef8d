"""A campus that lends slices, for tests of the portal's pages: a hardware file, tokens of hub and nodes, a few acts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from portal_site import Site

from cohorts.timetable import add_class_session
from gpus.desk import Held
from gpus.leases import end, lease_of
from gpus.models import Lease
from gpus.writer import deciding

LEASE_TOKEN = "1e" * 32
NODE_TOKEN = "0d" * 32
TOKENS = {"lease_token": LEASE_TOKEN, "node_token": NODE_TOKEN}
COHORT = "jc-2026-1"


def declare(folder: Path, slices: int = 1, *, nodes: int = 1, rules: dict[str, Any] | None = None) -> None:
    """Write the hardware file of the campus in `folder`: CPU, so many GPU slices, and whole cards for another track."""
    folder.mkdir(parents=True, exist_ok=True)
    named = [f"node{number % nodes + 1}" for number in range(slices)]
    file = {
        "profiles": [
            {"name": "cpu", "title": {"ko": "CPU", "en": "CPU"}, "cpus": 2, "memory": "4G"},
            {
                "name": "gpu-slice",
                "title": {"ko": "GPU 조각", "en": "GPU slice"},
                "kind": "gpu",
                "cpus": 4,
                "memory": "16G",
                "lease": "2h",
            },
            {
                "name": "gpu-full",
                "title": {"ko": "GPU 전체", "en": "Whole GPU"},
                "kind": "card",
                "cpus": 16,
                "memory": "128G",
                "tracks": ["advanced-talent"],
            },
        ],
        "rules": rules or {},
        "nodes": [
            {
                "name": node,
                "slices": [
                    {"device": f"GPU-{node}-{number}", "kind": "gpu"}
                    for number, name in enumerate(named)
                    if name == node
                ],
            }
            for node in sorted(set(named))
        ],
    }
    (folder / "hardware.yaml").write_text(yaml.safe_dump(file, allow_unicode=True), encoding="utf-8")


def lent(site: Site, username: str, *, profile: str = "gpu-slice") -> int:
    """A lease whose lab runs, at the hub as well; its number."""
    got = site.campus.desk.ask(username, profile, datetime.now(UTC))
    assert isinstance(got, Held), got
    site.campus.desk.running(got.id, device="", node="", now=datetime.now(UTC))
    site.hub.leases[username] = got.id
    put_server(site, username, profile)
    return got.id


def put_server(site: Site, username: str, profile: str, **server: Any) -> None:
    """A lab of that person's at the hub."""
    now = datetime.now(UTC).isoformat()
    found = {"ready": True, "pending": None, "url": f"/user/{username}/", "started": now, "last_activity": now}
    user = site.hub.users.setdefault(username, {"name": username, "admin": False, "servers": {}})
    user["servers"] = {"": {**found, "user_options": {"profile": profile}, **server}}


def give_back(site: Site, username: str) -> None:
    """The lab is stopped at the hub, and its slice is back."""
    site.hub.users[username]["servers"] = {}
    site.campus.desk.ended(site.hub.leases.pop(username), "stopped", datetime.now(UTC))


def end_as(site: Site, username: str, because: Any) -> None:
    """The person's lease ends for that reason."""
    with deciding(site.campus.database) as session:
        lease = lease_of(session, username)
        assert lease is not None
        end(lease, because, datetime.now(UTC))
    if username in site.hub.users:
        site.hub.users[username]["servers"] = {}


def change_lease(site: Site, username: str, **values: Any) -> None:
    with deciding(site.campus.database) as session:
        lease: Lease | None = lease_of(session, username)
        assert lease is not None
        for name, value in values.items():
            setattr(lease, name, value)


def plan(
    site: Site,
    title: str = "딥러닝 실습",
    *,
    begins: timedelta,
    hours: float = 3,
    profile: str | None = "gpu-slice",
    seats: int | None = None,
    cohort: str = COHORT,
) -> int:
    """A class in the timetable that begins so long from now; its number."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    with site.campus.database.write() as session:
        entry = add_class_session(
            session,
            cohort,
            title=title,
            starts_at=now + begins,
            ends_at=now + begins + timedelta(hours=hours),
            profile=profile,
            seats=seats,
            by="sera.oh",
            now=now,
        )
        return entry.id
