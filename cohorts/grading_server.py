"""The grading server of an offering: started on behalf of its staff, shared with each of them. Checks nobody's role.

The caller has to check first (`cohorts.access.require_staff`): this module acts with the portal's own rights.
"""

from __future__ import annotations

import time

from cohorts.errors import CampusError, Conflict
from cohorts.hub import Hub, HubUnavailable
from cohorts.people import GRADING_PREFIX

SHARED = ("access:servers", "read:servers", "start:servers")
LOOK_EVERY = 0.25


class GradingServerFailed(CampusError):
    status = 502


def ensure_grading_server(hub: Hub, offering_id: str, *, timeout: float = 60.0) -> str:
    """Start the offering's grading server if it isn't running, share it with exactly its staff, wait; its URL path.

    Raises Conflict while the hub doesn't have its user yet, GradingServerFailed when it doesn't come up, HubUnavailable
    when it isn't ready after `timeout` seconds.
    """
    owner = GRADING_PREFIX + offering_id
    user = hub.user(owner)
    if user is None:
        raise Conflict(
            f"The hub doesn't know the grading server of {offering_id!r} yet; try again in a minute.",
            f"허브에 {offering_id!r} 채점 서버가 아직 없습니다. 잠시 뒤에 다시 시도해 주세요.",
        )
    if not user.servers:
        hub.start_server(owner)
    staff, sharing = hub.members(f"formgrade-{offering_id}") - {owner}, hub.shared_with(owner)
    for former in sorted(sharing - staff):
        hub.unshare_server(owner, user=former)
    for member in sorted(staff - sharing):
        hub.share_server(owner, user=member, scopes=SHARED)
    until = time.monotonic() + timeout
    while True:
        user = hub.user(owner)
        server = next((server for server in user.servers if not server.name), None) if user else None
        if server is None:
            raise GradingServerFailed(
                f"The grading server of {offering_id!r} stopped while it was starting; the hub's log says why.",
                f"{offering_id!r} 채점 서버가 시작하다가 멈췄습니다. 까닭은 허브 로그에 있습니다.",
            )
        if server.ready:
            return server.url
        if time.monotonic() > until:
            raise HubUnavailable(
                f"The grading server of {offering_id!r} is still starting after {timeout:.0f} s; try again shortly.",
                f"{offering_id!r} 채점 서버가 {timeout:.0f}초가 지나도 준비되지 않았습니다. 잠시 뒤 다시 해 주세요.",
            )
        time.sleep(LOOK_EVERY)
