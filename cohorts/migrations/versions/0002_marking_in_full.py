"""Late work, phases of a marking, regrades, release checks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

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
    """Grace, penalties and cut-off for late work; assignments that exist go on taking none."""
    for column in (
        sa.Column("grace_seconds", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("accept_days_late", sa.Integer(), nullable=True, server_default="0"),
        sa.Column("late_percent_per_day", sa.Double(), nullable=False, server_default="0"),
        sa.Column("late_most_percent", sa.Double(), nullable=False, server_default="100"),
    ):
        op.add_column("assignment", column)
    op.add_column("attempt", sa.Column("days_late", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("attempt", sa.Column("penalty_percent", sa.Double(), nullable=False, server_default="0"))


def drop_policies() -> None:
    """Undo `add_policies`."""
    with op.batch_alter_table("attempt") as batch:
        batch.drop_column("penalty_percent")
        batch.drop_column("days_late")
    with op.batch_alter_table("assignment") as batch:
        for name in ("late_most_percent", "late_percent_per_day", "accept_days_late", "grace_seconds"):
            batch.drop_column(name)


def add_phases() -> None:
    """When a marking entered each of its phases, where in the queue it stands, and which workers there are."""
    op.add_column("marking", sa.Column("offering_id", sa.String(length=128), server_default="", nullable=False))
    op.add_column("assignment", sa.Column("image", sa.String(length=255), nullable=True))
    op.add_column("marking", sa.Column("needs", sa.String(length=64), server_default="cpu", nullable=False))
    op.add_column("marking", sa.Column("phase", sa.String(length=16), nullable=True))
    op.add_column("marking", sa.Column("phases", sa.JSON(), nullable=True))
    op.execute(
        "update marking set offering_id = (select assignment.offering_id from attempt join assignment"
        " on assignment.id = attempt.assignment_id where attempt.id = marking.attempt_id)"
    )
    op.drop_index("ix_marking_state_priority", table_name="marking")
    op.create_index("ix_marking_queue", "marking", ["state", "needs", "priority", "offering_id", "id"])
    op.create_index("ix_marking_served", "marking", ["offering_id", "started_at"])
    op.create_index("ix_marking_finished_at", "marking", ["finished_at"])
    op.create_table(
        "worker",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("sandbox", sa.String(length=32), nullable=False),
        sa.Column("serves", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
    )


def drop_phases() -> None:
    """Undo `add_phases`."""
    op.drop_table("worker")
    op.drop_index("ix_marking_finished_at", table_name="marking")
    op.drop_index("ix_marking_served", table_name="marking")
    op.drop_index("ix_marking_queue", table_name="marking")
    with op.batch_alter_table("marking", schema=None) as batch_op:
        batch_op.drop_column("phases")
        batch_op.drop_column("phase")
        batch_op.drop_column("needs")
        batch_op.drop_column("offering_id")
    with op.batch_alter_table("assignment") as batch_op:
        batch_op.drop_column("image")
    op.create_index("ix_marking_state_priority", "marking", ["state", "priority", "id"])


def add_checks() -> None:
    """What the release check said about a source."""
    op.create_table(
        "release_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("offering_id", sa.String(length=128), nullable=False),
        sa.Column("assignment", sa.String(length=128), nullable=False),
        sa.Column("source_sha256", sa.String(length=64), nullable=False),
        sa.Column("conditions", sa.String(length=64), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("checked_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_by", sa.String(length=255), nullable=True),
        sa.Column("accepted_reason", sa.Text(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("verdict in ('passed', 'unsteady', 'refused')", name=op.f("ck_release_check_verdict")),
        sa.ForeignKeyConstraint(["offering_id"], ["offering.id"], name=op.f("fk_release_check_offering_id_offering")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_release_check")),
    )
    with op.batch_alter_table("release_check", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_release_check_source_sha256"), ["source_sha256"], unique=False)
        batch_op.create_index(
            "ix_release_check_offering_id_assignment", ["offering_id", "assignment", "id"], unique=False
        )


def drop_checks() -> None:
    """Undo `add_checks`."""
    op.drop_table("release_check")


def add_regrades() -> None:
    """All attempts at an assignment, marked again with other tests, before anything is applied."""
    op.create_table(
        "regrade",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("assignment_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("source_sha256", sa.String(length=64), nullable=False),
        sa.Column("course_sha256", sa.String(length=64), nullable=False),
        sa.Column("started_by", sa.String(length=255), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.String(length=255), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lost", sa.JSON(), nullable=True),
        sa.CheckConstraint("state in ('running', 'applying', 'applied', 'dropped')", name=op.f("ck_regrade_state")),
        sa.ForeignKeyConstraint(["assignment_id"], ["assignment.id"], name=op.f("fk_regrade_assignment_id_assignment")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_regrade")),
    )
    op.create_index(op.f("ix_regrade_assignment_id"), "regrade", ["assignment_id"])
    with op.batch_alter_table("marking") as batch:
        batch.drop_constraint(op.f("ck_marking_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_marking_kind"), "kind in ('mark', 'feedback', 'regrade')")
        batch.add_column(sa.Column("regrade_id", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("result_sha256", sa.String(length=64), nullable=True))
        batch.create_foreign_key(op.f("fk_marking_regrade_id_regrade"), "regrade", ["regrade_id"], ["id"])
        batch.create_index(op.f("ix_marking_regrade_id"), ["regrade_id"])


def drop_regrades() -> None:
    """Undo `add_regrades`: what was only tried goes, what was applied stays as a marking."""
    op.execute("delete from marking where kind = 'regrade'")
    with op.batch_alter_table("marking") as batch:
        batch.drop_constraint(op.f("ck_marking_kind"), type_="check")
        batch.create_check_constraint(op.f("ck_marking_kind"), "kind in ('mark', 'feedback')")
        batch.drop_index(op.f("ix_marking_regrade_id"))
        batch.drop_constraint(op.f("fk_marking_regrade_id_regrade"), type_="foreignkey")
        batch.drop_column("result_sha256")
        batch.drop_column("regrade_id")
    op.drop_table("regrade")
