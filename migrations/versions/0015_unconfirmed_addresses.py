"""Whose e-mail address has still to be confirmed; nobody's who is here already.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column(
        "users",
        sa.Column("email_unconfirmed_since", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("ix_users_email_unconfirmed_since", "users", ["email_unconfirmed_since"])
