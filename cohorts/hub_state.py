"""What the hub's users and groups should be, and the calls that get them there. Rights are taken before they are given.

Who is in the hub's database may sign in (`allow_existing_users`), so this is the campus's allow-list. Hub users whom
the campus has never heard of are left alone and reported; groups named after offerings are the campus's, made exact.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohorts.hub import ADMINISTRATORS, GRADING_SERVERS, Hub, HubRefused, HubUser
from cohorts.models import Membership, MembershipState, Offering, Person
from cohorts.people import GRADING_PREFIX

log = logging.getLogger(__name__)

CREATED_AT_ONCE = 50  # the hub commits user by user, 70 ms each on a slow disk, and an answer must come within 30 s


@dataclass(frozen=True)
class DesiredState:
    """What the hub should look like: `users` that must exist, exact members of `groups`, people the campus `knows`."""

    users: frozenset[str]
    groups: Mapping[str, frozenset[str]]
    knows: frozenset[str]


@dataclass(frozen=True)
class SyncReport:
    """What one sync changed. `waiting` are people whose server is busy; they go at the next sync.

    `refused` maps usernames the hub doesn't take to its reason, `strangers` are hub users the campus doesn't know.
    """

    created: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    joined: int = 0
    left: int = 0
    waiting: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    strangers: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.created or self.deleted or self.groups or self.joined or self.left)


def desired_state(session: Session) -> DesiredState:
    """Members with an active membership, administrators and a grading user for each offering; reads only."""
    offerings: dict[str, list[str]] = {}
    groups: dict[str, set[str]] = {ADMINISTRATORS: set(), GRADING_SERVERS: set()}
    for offering_id, cohort_id in session.execute(select(Offering.id, Offering.cohort_id)):
        offerings.setdefault(cohort_id, []).append(offering_id)
        grader = GRADING_PREFIX + offering_id
        groups[f"nbgrader-{offering_id}"] = set()
        groups[f"formgrade-{offering_id}"] = {grader}
        groups[GRADING_SERVERS].add(grader)
    users = set(groups[GRADING_SERVERS])
    active = select(Membership.username, Membership.cohort_id, Membership.role).where(
        Membership.state == MembershipState.ACTIVE
    )
    for username, cohort_id, role in session.execute(active):
        users.add(username)
        for offering_id in offerings.get(cohort_id, ()):
            groups[f"formgrade-{offering_id}" if role.is_staff else f"nbgrader-{offering_id}"].add(username)
    administrators = set(session.scalars(select(Person.username).where(Person.is_admin)))
    groups[ADMINISTRATORS] = administrators
    return DesiredState(
        users=frozenset(users | administrators),
        groups={name: frozenset(members) for name, members in groups.items()},
        knows=frozenset(session.scalars(select(Person.username))),
    )


def apply_desired_state(desired: DesiredState, hub: Hub) -> SyncReport:
    """Reconcile the hub with `desired`; raises HubUnavailable or HubRefused, and what was done until then stays."""
    users, groups = hub.users(), hub.groups()
    left = 0
    for name in sorted(desired.groups.keys() & groups.keys()):
        surplus = groups[name] - desired.groups[name]
        if surplus:
            if name.startswith("formgrade-"):  # first, so that a sync that breaks off here does it again
                for former in sorted(surplus & users.keys()):
                    hub.unshare_server(GRADING_PREFIX + name.removeprefix("formgrade-"), user=former)
            hub.remove_from_group(name, surplus)
            left += len(surplus)
    deleted: list[str] = []
    waiting: list[str] = []
    for name in sorted((desired.knows & users.keys()) - desired.users):
        (deleted if _delete(hub, users[name]) else waiting).append(name)

    created, refused = _create(hub, desired.users - users.keys())
    present = (users.keys() | created) - set(deleted)
    founded, joined = [], 0
    for name in sorted(desired.groups):
        members = desired.groups[name] & present
        if name not in groups:
            hub.create_group(name, members)
            founded.append(name)
            joined += len(members)
        elif missing := members - groups[name]:
            hub.add_to_group(name, missing)
            joined += len(missing)
    return SyncReport(
        created=tuple(sorted(created)),
        deleted=tuple(deleted),
        groups=tuple(founded),
        joined=joined,
        left=left,
        waiting=tuple(waiting),
        refused=refused,
        strangers=tuple(sorted(users.keys() - desired.users - desired.knows)),
    )


def _delete(hub: Hub, user: HubUser) -> bool:
    """Stop what the person has running and delete the hub user; False while one of their servers is busy.

    The hub deletes a user whose server is still starting without stopping it, and the process would be orphaned.
    """
    if any(server.pending for server in user.servers):
        return False
    try:
        for server in user.servers:
            if server.name:  # deleting the user stops only the default server
                hub.stop_server(user.name, server.name)
        hub.delete_user(user.name)
    except HubRefused as error:
        if error.code != 400:  # 400: "is in the process of stopping, please wait"
            raise
        return False
    return True


def _create(hub: Hub, names: frozenset[str]) -> tuple[set[str], dict[str, str]]:
    """Create them in batches; the names of one that the hub dislikes one by one, so that none keeps another out."""
    refused: dict[str, str] = {}
    waiting = sorted(names)
    for start in range(0, len(waiting), CREATED_AT_ONCE):
        batch = waiting[start : start + CREATED_AT_ONCE]
        if _create_batch(hub, batch) is None:
            continue
        for name in batch:
            if complaint := _create_batch(hub, [name]):
                log.error("%s", complaint)
                refused[name] = complaint
    return set(names) - refused.keys(), refused


def _create_batch(hub: Hub, names: list[str]) -> str | None:
    """Create them; what the hub says when it finds one of the names invalid, and then none of them is there."""
    try:
        hub.create_users(names)
    except HubRefused as error:
        if error.code != 400:
            raise
        return error.message
    return None
