"""Timetables, GPU slices, leases, tickets and use"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


_OPEN = _where("ended_at is null")
_WAITING = _where("closed_at is null")


def upgrade() -> None:
    add_class_session()
    add_gpu_node()
    add_gpu_slice()
    add_gpu_lease()
    add_gpu_ticket()
    add_gpu_use()
    add_gpu_recent_use()


def downgrade() -> None:
    for table in (
        "gpu_use",
        "gpu_ticket",
        "gpu_lease",
        "gpu_slice",
        "gpu_recent_use",
        "class_session",
        "gpu_node",
    ):
        op.drop_table(table)


def add_class_session() -> None:
    op.create_table(
        "class_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cohort_id", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("profile", sa.String(length=64), nullable=True),
        sa.Column("seats", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_class_session_ends_later")),
        sa.CheckConstraint("seats is null or seats > 0", name=op.f("ck_class_session_seats")),
        sa.ForeignKeyConstraint(["cohort_id"], ["cohort.id"], name=op.f("fk_class_session_cohort_id_cohort")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_class_session")),
        sa.UniqueConstraint("cohort_id", "starts_at", name=op.f("uq_class_session_cohort_id_starts_at")),
    )
    op.create_index(op.f("ix_class_session_ends_at"), "class_session", ["ends_at"], unique=False)


def add_gpu_node() -> None:
    op.create_table(
        "gpu_node",
        sa.Column("name", sa.String(length=253), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("drained", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_gpu_node")),
    )


def add_gpu_slice() -> None:
    op.create_table(
        "gpu_slice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("node", sa.String(length=253), nullable=False),
        sa.Column("device", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("busy", sa.Float(), nullable=True),
        sa.Column("quiet_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lost_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("memory_used_mib", sa.Integer(), nullable=True),
        sa.Column("processes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["node"], ["gpu_node.name"], name=op.f("fk_gpu_slice_node_gpu_node")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gpu_slice")),
        sa.UniqueConstraint("device", name=op.f("uq_gpu_slice_device")),
    )
    op.create_index(op.f("ix_gpu_slice_kind"), "gpu_slice", ["kind"], unique=False)


def add_gpu_lease() -> None:
    op.create_table(
        "gpu_lease",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slice_id", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=255), nullable=False),
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("cohort_id", sa.String(length=64), nullable=True),
        sa.Column("track", sa.String(length=64), nullable=False),
        sa.Column("class_session_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("starting_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("running_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopping", sa.String(length=32), nullable=True),
        sa.Column("idle_warned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("engine_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_because", sa.String(length=32), nullable=True),
        sa.CheckConstraint("(state = 'ended') = (ended_at is not null)", name=op.f("ck_gpu_lease_ended")),
        sa.ForeignKeyConstraint(
            ["class_session_id"],
            ["class_session.id"],
            name=op.f("fk_gpu_lease_class_session_id_class_session"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(["slice_id"], ["gpu_slice.id"], name=op.f("fk_gpu_lease_slice_id_gpu_slice")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gpu_lease")),
    )
    op.create_index("ix_gpu_lease_ended", "gpu_lease", ["kind", "ended_at"], unique=False)
    op.create_index(op.f("ix_gpu_lease_holder"), "gpu_lease", ["holder"], unique=False)
    op.create_index(
        "ix_gpu_lease_open",
        "gpu_lease",
        ["kind"],
        unique=False,
        **_OPEN,
    )
    op.create_index(op.f("ix_gpu_lease_slice_id"), "gpu_lease", ["slice_id"], unique=False)
    op.create_index(
        "uq_gpu_lease_holder",
        "gpu_lease",
        ["holder"],
        unique=True,
        **_OPEN,
    )
    op.create_index(
        "uq_gpu_lease_slice",
        "gpu_lease",
        ["slice_id"],
        unique=True,
        **_OPEN,
    )


def add_gpu_ticket() -> None:
    op.create_table(
        "gpu_ticket",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("profile", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("cohort_id", sa.String(length=64), nullable=True),
        sa.Column("track", sa.String(length=64), nullable=False),
        sa.Column("rank", sa.Float(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_id", sa.Integer(), nullable=True),
        sa.Column("waited", sa.Float(), nullable=True),
        sa.CheckConstraint("(state = 'waiting') = (closed_at is null)", name=op.f("ck_gpu_ticket_closed")),
        sa.ForeignKeyConstraint(["lease_id"], ["gpu_lease.id"], name=op.f("fk_gpu_ticket_lease_id_gpu_lease")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gpu_ticket")),
    )
    op.create_index(
        "ix_gpu_ticket_cohort",
        "gpu_ticket",
        ["kind", "cohort_id", "rank", "id"],
        unique=False,
        **_WAITING,
    )
    op.create_index(op.f("ix_gpu_ticket_lease_id"), "gpu_ticket", ["lease_id"], unique=False)
    op.create_index(
        "ix_gpu_ticket_queue",
        "gpu_ticket",
        ["kind", "track", "rank", "id"],
        unique=False,
        **_WAITING,
    )
    op.create_index(op.f("ix_gpu_ticket_username"), "gpu_ticket", ["username"], unique=False)
    op.create_index(
        "uq_gpu_ticket_username",
        "gpu_ticket",
        ["username"],
        unique=True,
        **_WAITING,
    )


def add_gpu_use() -> None:
    op.create_table(
        "gpu_use",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lease_id", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=False),
        sa.Column("cohort_id", sa.String(length=64), nullable=True),
        sa.Column("track", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("in_class", sa.Boolean(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("idle_seconds", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["lease_id"], ["gpu_lease.id"], name=op.f("fk_gpu_use_lease_id_gpu_lease")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gpu_use")),
    )
    op.create_index(op.f("ix_gpu_use_lease_id"), "gpu_use", ["lease_id"], unique=False)
    op.create_index("ix_gpu_use_month", "gpu_use", ["month"], unique=False)
    op.create_index("ix_gpu_use_person", "gpu_use", ["username", "until_at"], unique=False)


def add_gpu_recent_use() -> None:
    op.create_table(
        "gpu_recent_use",
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("as_of", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_gpu_recent_use")),
    )
