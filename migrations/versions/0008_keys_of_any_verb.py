"""An idempotency key is its user's own, whatever the verb, and says until when it is kept.

A key that served several verbs keeps its newest answer; for the others it counts as used. Refusals
are kept for 24 hours from now on, so also those that are there.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

KEEP_THE_NEWEST = """
DELETE FROM idempotency_keys AS k WHERE EXISTS (
    SELECT 1 FROM idempotency_keys AS newer
    WHERE newer.user_id = k.user_id AND newer.key = k.key
      AND (newer.created_at, newer.verb) > (k.created_at, k.verb))
"""

# Written as `UtcDateTime` writes, which on SQLite is text.
KEPT_UNTIL = {
    "postgresql": """
UPDATE idempotency_keys SET kept_until = created_at + CASE
    WHEN CAST(answer AS text) LIKE '{"refusal"%' THEN interval '24 hours'
    ELSE interval '14 days' END
""",
    "sqlite": """
UPDATE idempotency_keys SET kept_until = strftime('%Y-%m-%d %H:%M:%S', created_at, CASE
    WHEN answer LIKE '{"refusal"%' THEN '+1 day'
    ELSE '+14 days' END) || substr(created_at, 20)
""",
}


def upgrade() -> None:
    op.execute(KEEP_THE_NEWEST)
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_idempotency_keys_created")
        batch_op.add_column(sa.Column("kept_until", sa.DateTime(timezone=True), nullable=True))
    op.execute(sa.text(KEPT_UNTIL[op.get_bind().dialect.name].replace(":", "\\:")))
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.alter_column("kept_until", nullable=False)
        batch_op.drop_constraint("pk_idempotency_keys", type_="primary")
        batch_op.create_primary_key("pk_idempotency_keys", ["user_id", "key"])
        batch_op.create_index("ix_idempotency_keys_kept_until", ["kept_until"], unique=False)
