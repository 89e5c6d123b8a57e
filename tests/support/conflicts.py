"""Transactions that PostgreSQL undoes because another was in their way."""

from sqlalchemy import text

from sketchmaker.database import Database

# A sequence is not undone with its transaction: it counts the tries.
_BREAKS_AT_FIRST = (
    "CREATE SEQUENCE tries",
    """CREATE FUNCTION break_at_first() RETURNS trigger AS $$
    BEGIN
        IF nextval('tries') <= {times} THEN
            RAISE EXCEPTION 'in the way' USING ERRCODE = '{code}';
        END IF;
        RETURN NEW;
    END $$ LANGUAGE plpgsql""",
    """CREATE TRIGGER conflicting BEFORE UPDATE ON user_subscriptions
    FOR EACH ROW EXECUTE FUNCTION break_at_first()""",
)


def break_at_first(database: Database, code: str, *, times: int) -> None:
    """Let the first updates of subscriptions fail with this SQLSTATE."""
    with database.transaction() as session:
        for statement in _BREAKS_AT_FIRST:
            session.execute(text(statement.format(code=code, times=times)))
