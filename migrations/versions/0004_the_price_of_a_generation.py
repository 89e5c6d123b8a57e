"""A generation knows its price and its worker, and can be cancelled.

The price of what was ordered before is what its hold held.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None

# SQLite makes the table anew: it must still never give a number twice.
KEEPS = {"sqlite_autoincrement": True}

PRICE_OF_OLD_ORDERS = """
UPDATE generations SET price = (
    SELECT credits_held FROM credit_holds WHERE credit_holds.id = generations.hold_id
)
"""


def upgrade() -> None:
    op.add_column("generations", sa.Column("price", sa.Integer(), nullable=True))
    op.execute(PRICE_OF_OLD_ORDERS)
    with op.batch_alter_table("generations", table_kwargs=KEEPS) as batch:
        batch.alter_column("price", existing_type=sa.Integer(), nullable=False)
        batch.add_column(sa.Column("worker", sa.String(length=100), nullable=True))
        batch.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
        batch.drop_constraint(op.f("ck_generations_state_known"), type_="check")
        batch.drop_constraint(op.f("ck_generations_finished_once"), type_="check")
        batch.create_check_constraint(
            op.f("ck_generations_state_known"),
            "state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')",
        )
        batch.create_check_constraint(
            op.f("ck_generations_finished_once"),
            "(state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
        )
        batch.create_check_constraint(op.f("ck_generations_price_positive"), "price > 0")
        batch.create_check_constraint(op.f("ck_generations_attempts_not_negative"), "attempts >= 0")
        batch.create_index("ix_generations_started", ["started_at"])
    with op.batch_alter_table("generations", table_kwargs=KEEPS) as batch:
        batch.alter_column("attempts", existing_type=sa.Integer(), server_default=None)
