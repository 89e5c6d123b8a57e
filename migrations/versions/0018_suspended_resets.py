"""Resets that are kept back are called suspended: the table, one cause, and remembered refusals.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | None = None
depends_on: str | None = None

REFUSAL = '{"refusal": {"error": "SetAside"'


def upgrade() -> None:
    op.create_table(
        "suspended_resets",
        sa.Column("subscription_id", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=10), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "cause IN ('failed', 'runaway', 'manual')", name=op.f("ck_suspended_resets_cause_known")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["user_subscriptions.id"],
            name=op.f("fk_suspended_resets_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_suspended_resets")),
    )
    op.execute(
        "INSERT INTO suspended_resets (subscription_id, cause, error, failures, since, retry_at) "
        "SELECT subscription_id, CASE WHEN cause = 'paused' THEN 'manual' ELSE cause END, "
        "error, failures, since, retry_at FROM resets_set_aside"
    )
    op.drop_table("resets_set_aside")
    _rename_in_refusals()


def _rename_in_refusals() -> None:
    """What was refused in the last hours is still answered as it was, under the new name."""
    keys = sa.table("idempotency_keys", sa.column("answer", sa.JSON))
    written = sa.cast(keys.c.answer, sa.Text)
    renamed = sa.func.replace(
        sa.func.replace(written, '"error": "SetAside"', '"error": "ResetSuspended"'),
        '"cause": "paused"',
        '"cause": "manual"',
    )
    op.execute(
        keys.update()
        .where(written.startswith(REFUSAL, autoescape=True))
        .values(answer=sa.cast(renamed, sa.JSON) if _on_postgres() else renamed)
    )


def _on_postgres() -> bool:
    return op.get_bind().dialect.name == "postgresql"
