"""The audit trail: who changed what and why; its entries are sealed or erased, never changed.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | None = None
depends_on: str | None = None

# Filled in once, together, when an entry is sealed.
SEAL = ("sequence", "previous_hash", "hash")
# Emptied when a person leaves. Digests of them stay.
ERASABLE = (
    "actor_name",
    "actor_address",
    "actor_salt",
    "subject_name",
    "reason",
    "subject_salt",
)
FACTS = (
    "id",
    "at",
    "actor_id",
    "actor_role",
    "through",
    "request_id",
    "action",
    "subject_kind",
    "subject_id",
    "owner_id",
    "before",
    "after",
    "actor_digest",
    "subject_digest",
)

NEVER_CHANGED = "entries of the audit trail are never changed"
NEVER_REMOVED = "entries of the audit trail are never removed"


def is_allowed(same: str) -> str:
    """The one condition for both databases, with their words for "equal, or both NULL"."""
    facts = " AND ".join(f'OLD."{name}" {same} NEW."{name}"' for name in FACTS)
    erased = " AND ".join(
        f'(NEW."{name}" IS NULL OR OLD."{name}" {same} NEW."{name}")' for name in ERASABLE
    )
    kept = " AND ".join(f'OLD."{name}" {same} NEW."{name}"' for name in SEAL)
    sealed = 'OLD."sequence" IS NULL AND NEW."sequence" IS NOT NULL AND NEW."hash" IS NOT NULL'
    return f"{facts} AND {erased} AND ({kept} OR ({sealed}))"


ON_SQLITE = (
    f"""
    CREATE TRIGGER audit_entries_are_kept BEFORE UPDATE ON audit_entries
    WHEN NOT ({is_allowed("IS")})
    BEGIN SELECT RAISE(ABORT, '{NEVER_CHANGED}'); END
    """,
    f"""
    CREATE TRIGGER audit_entries_stay BEFORE DELETE ON audit_entries
    BEGIN SELECT RAISE(ABORT, '{NEVER_REMOVED}'); END
    """,
)

ON_POSTGRES = (
    f"""
    CREATE FUNCTION sketchmaker_keep_audit_entries() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF {is_allowed("IS NOT DISTINCT FROM")} THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '{NEVER_CHANGED}' USING ERRCODE = 'integrity_constraint_violation';
    END
    $$
    """,
    f"""
    CREATE FUNCTION sketchmaker_refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{NEVER_REMOVED}' USING ERRCODE = 'integrity_constraint_violation';
    END
    $$
    """,
    """
    CREATE TRIGGER audit_entries_are_kept BEFORE UPDATE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION sketchmaker_keep_audit_entries()
    """,
    """
    CREATE TRIGGER audit_entries_stay BEFORE DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION sketchmaker_refuse_removal()
    """,
    """
    CREATE TRIGGER audit_entries_stay_all BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION sketchmaker_refuse_removal()
    """,
)


def upgrade() -> None:
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    # JSON has no equality on PostgreSQL.
    facts = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.create_table(
        "audit_entries",
        sa.Column("id", big, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor_role", sa.String(length=20), nullable=False),
        sa.Column("through", sa.String(length=20), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("action", sa.String(length=50), nullable=False),
        sa.Column("subject_kind", sa.String(length=30), nullable=False),
        sa.Column("subject_id", big, nullable=True),
        sa.Column("owner_id", sa.Integer(), nullable=True),
        sa.Column("before", facts, nullable=True),
        sa.Column("after", facts, nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=True),
        sa.Column("actor_address", sa.String(length=64), nullable=True),
        sa.Column("actor_salt", sa.String(length=64), nullable=True),
        sa.Column("actor_digest", sa.String(length=64), nullable=False),
        sa.Column("subject_name", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("subject_salt", sa.String(length=64), nullable=True),
        sa.Column("subject_digest", sa.String(length=64), nullable=False),
        sa.Column("sequence", big, nullable=True),
        sa.Column("previous_hash", sa.String(length=64), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
        sa.UniqueConstraint("sequence", name=op.f("uq_audit_entries_sequence")),
    )
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.create_index("ix_audit_entries_actor", ["actor_id", "id"], unique=False)
        batch_op.create_index("ix_audit_entries_owner", ["owner_id", "id"], unique=False)
        batch_op.create_index(
            "ix_audit_entries_unsealed",
            ["id"],
            unique=False,
            sqlite_where=sa.text("sequence IS NULL"),
            postgresql_where=sa.text("sequence IS NULL"),
        )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in ON_SQLITE if is_sqlite else ON_POSTGRES:
        op.execute(statement)
