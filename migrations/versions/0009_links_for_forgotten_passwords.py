"""Links for forgotten passwords; who left has a name that no form accepts.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


# A stranger could have registered deleted-331, and user 331 could not have left then.
RENAME = """
UPDATE users SET username = 'deleted ' || id, username_key = 'deleted ' || id
WHERE password_hash = '!' AND NOT is_active AND username = 'deleted-' || id
"""


def upgrade() -> None:
    op.execute(RENAME)
    op.create_table(
        "password_reset_links",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_password_reset_links_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_password_reset_links")),
        sa.UniqueConstraint("user_id", name=op.f("uq_password_reset_links_user_id")),
    )
    with op.batch_alter_table("password_reset_links", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_password_reset_links_expires_at"), ["expires_at"], unique=False
        )
