"""Indexes of how names and addresses begin, for admins who look for people.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

from alembic import op

revision: str = "0019"
down_revision: str | None = "0018"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    for column in ("username_key", "email_key"):
        op.create_index(
            f"ix_users_{column}_begins",
            "users",
            [column],
            postgresql_ops={column: "text_pattern_ops"},
        )
