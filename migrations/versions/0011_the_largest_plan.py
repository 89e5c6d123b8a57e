"""A plan gives 1,000,000,000 credits a month at the most, as any other amount.

A plan that gave more gives so many from the next reset on.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.execute(
        "UPDATE subscription_plans SET monthly_credits = 1000000000 "
        "WHERE monthly_credits > 1000000000"
    )
    with op.batch_alter_table("subscription_plans", schema=None) as batch_op:
        batch_op.create_check_constraint(
            batch_op.f("ck_subscription_plans_monthly_credits_within_limit"),
            "monthly_credits <= 1000000000",
        )
