"""A heartbeat tells what its process has been through: threads that died, and its last error.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    for column in (
        sa.Column("thread_deaths", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("thread_died_at", moment),
        sa.Column("last_error", sa.Text()),
        sa.Column("last_error_at", moment),
    ):
        op.add_column("scheduler_heartbeats", column)
