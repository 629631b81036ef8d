"""Whether the site's clocks agree with this machine's: deadlines, certificates and leases are compared by time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from portal.checks.finding import Finding

#: HTTP tells whole seconds, and asking takes a moment
UNNOTICED = timedelta(seconds=2)
HARMFUL = timedelta(seconds=30)


@dataclass
class Clocks:
    """Collects what others say the time is, each against the middle of the moment in which they were asked."""

    _apart: dict[str, timedelta] = field(default_factory=dict)

    def note(self, who: str, told: datetime, asked: datetime, answered: datetime) -> None:
        """`who` said that it was `told`, between two moments of this machine."""
        self._apart[who] = told - (asked + (answered - asked) / 2)

    def findings(self) -> list[Finding]:
        """One for each clock that is off, or one for all of them."""
        off = {who: apart for who, apart in self._apart.items() if abs(apart) > UNNOTICED}
        if not self._apart:
            return [Finding("Clocks", "weak", "nobody told the time", "start the campus, and look again")]
        if not off:
            return [Finding("Clocks", "ok", f"within {UNNOTICED.seconds} s: {', '.join(self._apart)}")]
        return [
            Finding(
                f"Clock of {who}",
                "missing" if abs(apart) > HARMFUL else "weak",
                f"{abs(apart).total_seconds():.0f} s {'ahead of' if apart > timedelta() else 'behind'} this machine",
                "run chrony or systemd-timesyncd on every machine: timedatectl set-ntp true",
            )
            for who, apart in sorted(off.items())
        ]


def now() -> datetime:
    return datetime.now(UTC)
