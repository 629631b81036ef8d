"""Late work, phases of a marking, regrades, release checks"""

from __future__ import annotations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_policies()
    add_phases()
    add_checks()
    add_regrades()


def downgrade() -> None:
    drop_regrades()
    drop_checks()
    drop_phases()
    drop_policies()


def add_policies() -> None:
    """Grace, penalties and cut-off for late work."""


def drop_policies() -> None:
    """Undo `add_policies`."""


def add_phases() -> None:
    """When a marking entered each of its phases."""


def drop_phases() -> None:
    """Undo `add_phases`."""


def add_checks() -> None:
    """What the release check said about a source."""


def drop_checks() -> None:
    """Undo `add_checks`."""


def add_regrades() -> None:
    """All attempts at an assignment, marked again with other tests, before anything is applied."""


def drop_regrades() -> None:
    """Undo `add_regrades`."""
