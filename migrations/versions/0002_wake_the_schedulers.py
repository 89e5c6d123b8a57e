"""PostgreSQL tells the schedulers when a reset date is written, by whomever.

SQLite has no such channel; there, and when a message is lost, schedulers look every few seconds.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

FUNCTION = """
CREATE FUNCTION sketchmaker_wake_schedulers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sketchmaker_credit_resets', '');
    RETURN NULL;
END
$$
"""

# Not for every row, and not for a charge: a notification makes commits wait for each other.
TRIGGER = """
CREATE TRIGGER sketchmaker_wake_schedulers
AFTER INSERT OR UPDATE OF next_credit_reset, is_active ON user_subscriptions
FOR EACH STATEMENT EXECUTE FUNCTION sketchmaker_wake_schedulers()
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTION)
        op.execute(TRIGGER)
