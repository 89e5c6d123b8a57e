"""The plan that new accounts get is a row, and no longer a name in the code.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column(
        "subscription_plans",
        sa.Column("is_default", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    # Free was given to newcomers whether it was on offer or not, and refused when it was not.
    op.execute(
        "UPDATE subscription_plans SET is_default = true, is_active = true WHERE name = 'free'"
    )
    with op.batch_alter_table("subscription_plans", schema=None) as batch_op:
        batch_op.create_check_constraint(
            batch_op.f("ck_subscription_plans_default_is_active"), "is_active OR NOT is_default"
        )
        batch_op.create_index(
            "uq_subscription_plans_default",
            ["is_default"],
            unique=True,
            sqlite_where=sa.text("is_default IS 1"),
            postgresql_where=sa.text("is_default IS true"),
        )
