"""The outbox: what others must be told, and who is told of what.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None

FUNCTION = """
CREATE FUNCTION sketchmaker_wake_deliverers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added) THEN
        PERFORM pg_notify('sketchmaker_outbox', '');
    END IF;
    RETURN NULL;
END
$$
"""

# Not for a statement that adds no row: a notification makes commits wait for each other, and most
# events have nobody who wants to be told.
TRIGGER = """
CREATE TRIGGER sketchmaker_wake_deliverers
AFTER INSERT ON outbox REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION sketchmaker_wake_deliverers()
"""

WAITS = sa.text("state = 'waiting'")
ENDED = sa.text("state <> 'waiting'")


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("event_id", sa.String(length=80), nullable=False),
        sa.Column("deliverer", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'delivered', 'dead')", name=op.f("ck_outbox_known_state")
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (ended_at IS NULL)", name=op.f("ck_outbox_ended_or_waiting")
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_outbox_attempts_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["deliverer", "due_at", "id"],
        sqlite_where=WAITS,
        postgresql_where=WAITS,
    )
    op.create_index(
        "ix_outbox_ended",
        "outbox",
        ["state", "ended_at"],
        sqlite_where=ENDED,
        postgresql_where=ENDED,
    )
    op.create_index(op.f("ix_outbox_subject"), "outbox", ["subject"])
    op.create_index(
        "uq_outbox_event_id_deliverer", "outbox", ["event_id", "deliverer"], unique=True
    )
    op.create_table(
        "outbox_routes",
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("deliverer", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("kind", "deliverer", name=op.f("pk_outbox_routes")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTION)
        op.execute(TRIGGER)
