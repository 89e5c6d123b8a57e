"""One table for everything that may be done only so often; it takes over from sign-in attempts.

Attempts of the last day are not carried over: whoever has to wait now need not wait any more.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "limit_uses",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("action", sa.String(length=30), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("browser", sa.String(length=64), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("network", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_limit_uses")),
    )
    with op.batch_alter_table("limit_uses", schema=None) as batch_op:
        batch_op.create_index(
            "ix_limit_uses_account", ["action", "account", "used_at"], unique=False
        )
        batch_op.create_index("ix_limit_uses_action", ["action", "used_at"], unique=False)
        batch_op.create_index(
            "ix_limit_uses_address", ["action", "address", "used_at"], unique=False
        )
        batch_op.create_index(
            "ix_limit_uses_network", ["action", "network", "used_at"], unique=False
        )
        batch_op.create_index("ix_limit_uses_used_at", ["used_at"], unique=False)

    with op.batch_alter_table("sign_in_attempts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_attempts_account_key_attempted_at"))
        batch_op.drop_index(batch_op.f("ix_sign_in_attempts_address_attempted_at"))
        batch_op.drop_index(batch_op.f("ix_sign_in_attempts_attempted_at"))

    op.drop_table("sign_in_attempts")
