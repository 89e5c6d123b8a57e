"""Grants can be voided, and spends refunded.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None

# SQLite makes a table anew to change its constraints, and would number its rows otherwise.
KEEP_NUMBERING = {"sqlite_autoincrement": True}


def upgrade() -> None:
    _grants()
    _ledger()


def _grants() -> None:
    with op.batch_alter_table("credit_grants", table_kwargs=KEEP_NUMBERING) as batch_op:
        batch_op.add_column(
            sa.Column("credits_voided", sa.Integer(), server_default=sa.text("0"), nullable=False)
        )
        batch_op.add_column(sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True))
        for name, condition in (
            (
                "books_close",
                (
                    "credits_remaining + credits_held + credits_used + credits_expired "
                    "+ credits_voided = credits_granted"
                ),
            ),
            ("kind_known", "kind IN ('admin', 'promotion', 'correction', 'refund')"),
        ):
            batch_op.drop_constraint(batch_op.f(f"ck_credit_grants_{name}"), type_="check")
            batch_op.create_check_constraint(batch_op.f(f"ck_credit_grants_{name}"), condition)
        batch_op.create_check_constraint(
            batch_op.f("ck_credit_grants_voided_not_negative"), "credits_voided >= 0"
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_credit_grants_voided_has_none_left"),
            "CASE WHEN voided_at IS NULL THEN credits_voided ELSE credits_remaining END = 0",
        )


def _ledger() -> None:
    with op.batch_alter_table("usage_history", table_kwargs=KEEP_NUMBERING) as batch_op:
        batch_op.add_column(
            sa.Column(
                "refund_of_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            )
        )
        batch_op.add_column(sa.Column("refunded_before", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_usage_history_refund_of_id"),
            "usage_history",
            ["refund_of_id"],
            ["id"],
        )
        batch_op.drop_constraint(batch_op.f("ck_usage_history_used_not_negative"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_usage_history_used_or_refunded"),
            "(credits_used < 0) = (refund_of_id IS NOT NULL)",
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_usage_history_refunds_are_counted"),
            "(refund_of_id IS NULL) = (refunded_before IS NULL)",
        )
        batch_op.create_index(
            "uq_usage_history_refund",
            ["refund_of_id", "refunded_before"],
            unique=True,
            sqlite_where=sa.text("refund_of_id IS NOT NULL"),
            postgresql_where=sa.text("refund_of_id IS NOT NULL"),
        )
