"""The live schema against the tables of the code: what is lost is found, with how to mend it."""

import pytest
from sqlalchemy import text

from sketchmaker import schema
from sketchmaker.database import Database

ON_POSTGRES = {
    "check": (
        'ALTER TABLE user_subscriptions DROP CONSTRAINT "ck_user_subscriptions_books_close"',
        "The constraint ck_user_subscriptions_books_close of user_subscriptions is missing",
    ),
    "foreign key": (
        'ALTER TABLE credit_holds DROP CONSTRAINT "fk_credit_holds_user_id"',
        "The foreign key of credit_holds (user_id) is missing",
    ),
    "unique": (
        'ALTER TABLE usage_history DROP CONSTRAINT "uq_usage_history_hold_id"',
        "The constraint uq_usage_history_hold_id of usage_history is missing",
    ),
    "not null": (
        "ALTER TABLE credit_holds ALTER COLUMN cycle DROP NOT NULL",
        "The column credit_holds.cycle may be empty, which it must not",
    ),
}

RESET = "uq_usage_history_reset"


def run(database: Database, *statements: str) -> None:
    with database.transaction() as session:
        for statement in statements:
            session.execute(text(statement))


def test_a_migrated_database_has_no_differences(database: Database) -> None:
    assert schema.differences(database) == []


def test_what_an_operator_adds_is_no_difference(database: Database) -> None:
    run(
        database,
        "CREATE TABLE notes (id INTEGER)",
        "CREATE INDEX of_mine ON users (created_at)",
        "ALTER TABLE users ADD COLUMN mine INTEGER",
    )

    assert schema.differences(database) == []


def test_a_lost_index_can_be_made_again_as_told(database: Database) -> None:
    run(database, f"DROP INDEX {RESET}")

    [told] = schema.differences(database)

    assert told.startswith(f"The unique index {RESET} of usage_history is missing. Make it again: ")
    run(database, told.partition("Make it again: ")[2].rstrip(";"))
    assert schema.differences(database) == []


@pytest.mark.parametrize(
    "instead",
    [
        "CREATE INDEX {} ON usage_history (subscription_id, cycle) WHERE action = 'monthly_reset'",
        "CREATE UNIQUE INDEX {} ON usage_history (cycle) WHERE action = 'monthly_reset'",
        "CREATE UNIQUE INDEX {} ON usage_history (subscription_id, cycle) WHERE action = 'none'",
        "CREATE UNIQUE INDEX {} ON usage_history (subscription_id, cycle)",
    ],
    ids=["not unique", "other columns", "other rows", "all rows"],
)
def test_an_index_that_guards_something_else(database: Database, instead: str) -> None:
    run(database, f"DROP INDEX {RESET}", instead.format(RESET))

    [told] = schema.differences(database)

    assert f"The unique index {RESET} of usage_history is not what it should be." in told


@pytest.mark.parametrize("what", ON_POSTGRES)
def test_lost_constraints(postgres_database: Database, what: str) -> None:
    statement, expected = ON_POSTGRES[what]
    run(postgres_database, statement)

    [told] = schema.differences(postgres_database)

    assert told.startswith(expected)


def test_a_lost_table_and_column(database: Database) -> None:
    run(
        database,
        "DROP TABLE suspended_resets",
        "ALTER TABLE images RENAME COLUMN byte_count TO bytes",
    )

    told = schema.differences(database)

    assert "The column images.byte_count is missing: restore it from a backup." in told
    assert "The table suspended_resets is missing: restore it from a backup." in told
