"""Slices know whether they are lent

Kept right by the database itself, whoever writes: free slices are then found by an index, however many are lent.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LENT = "exists (select 1 from gpu_lease where gpu_lease.slice_id = gpu_slice.id and gpu_lease.ended_at is null)"
CHANGED = "old.slice_id <> new.slice_id or (old.ended_at is null) <> (new.ended_at is null)"
#: when to look anew, and at which slices
EVENTS = {
    "begun": ("insert", "new.ended_at is null", "new.slice_id"),
    "changed": ("update of slice_id, ended_at", CHANGED, "old.slice_id, new.slice_id"),
    "removed": ("delete", "old.ended_at is null", "old.slice_id"),
}


def upgrade() -> None:
    op.add_column("gpu_slice", sa.Column("lent", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(f"update gpu_slice set lent = {LENT}")
    op.create_index(
        "ix_gpu_slice_free",
        "gpu_slice",
        ["kind"],
        sqlite_where=sa.text("lent is 0"),
        postgresql_where=sa.text("lent is false"),
    )
    postgres = op.get_bind().dialect.name == "postgresql"
    for name, (happens, where, slices) in EVENTS.items():
        look = f"update gpu_slice set lent = {LENT} where id in ({slices});"
        do = f"begin {look} end"
        if postgres:
            # a restore that failed drops the tables, and leaves functions
            op.execute(
                f"create or replace function gpu_lease_{name}() returns trigger language plpgsql"
                f" as $$ begin {look} return null; end $$"
            )
            do = f"execute function gpu_lease_{name}()"
        op.execute(f"create trigger gpu_lease_{name} after {happens} on gpu_lease for each row when ({where}) {do}")


def downgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    for name in EVENTS:
        op.execute(f"drop trigger gpu_lease_{name}" + (" on gpu_lease" if postgres else ""))
        if postgres:
            op.execute(f"drop function gpu_lease_{name}()")
    op.drop_index("ix_gpu_slice_free", table_name="gpu_slice")
    op.drop_column("gpu_slice", "lent")
