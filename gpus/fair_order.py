"""The order of the queue, as arithmetic: who comes before whom, and why. Knows no table and no clock.

Everybody's waiting counts alike. Two things move a ticket back, both bounded, so that nobody waits forever:

* what the person used recently, fading with a half-life: fixed when the ticket is drawn;
* how far the person's track is above its share of recent use: looked at anew for every decision.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta


def faded(seconds: float, age: timedelta, half_life: timedelta) -> float:
    """What `seconds` of use count for after `age`."""
    return float(seconds * 0.5 ** (max(age.total_seconds(), 0.0) / half_life.total_seconds()))


def person_delay(recent_seconds: float, delay: timedelta, longest: timedelta) -> float:
    """Seconds that recent use moves a ticket back: `delay` for every GPU hour, at most `longest`."""
    return min(recent_seconds / 3600 * delay.total_seconds(), longest.total_seconds())


def track_delays(
    tracks: Collection[str], recent: Mapping[str, float], weights: Mapping[str, float], longest: timedelta
) -> dict[str, float]:
    """Seconds that each of the waiting `tracks` is moved back: its recent use above its share, of `longest`.

    A track's share is its weight (1 where not named) among those of the waiting tracks; the same holds for use. So a
    track that waits alone is never moved back.
    """
    total = sum(recent.get(track, 0.0) for track in tracks)
    weight = sum(weights.get(track, 1.0) for track in tracks)
    delays = {}
    for track in tracks:
        used = recent.get(track, 0.0) / total if total else 0.0
        due = weights.get(track, 1.0) / weight
        delays[track] = max(0.0, used - due) * longest.total_seconds() if total else 0.0
    return delays
