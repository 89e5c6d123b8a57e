"""SQLite keeps whatever it is given: what can't be read is found and named, and breaks nothing."""

import pytest

from sketchmaker.credits import books
from sketchmaker.credits.books.attempts import ODD_VALUES
from sketchmaker.database import Database
from tests.credits.busy_books import ADA, BOB, LATER, make_busy
from tests.support.actors import admin_number
from tests.support.planting import plant

pytestmark = pytest.mark.slow  # all of them together

ROW = "UPDATE user_subscriptions SET"
LINE = "UPDATE usage_history SET"
HOLD = "UPDATE credit_holds SET"
GRANT = "UPDATE credit_grants SET"
ADAS_RESET = f"WHERE action = 'monthly_reset' AND subscription_id = {ADA}"
NULLS_ALLOWED = (
    "PRAGMA writable_schema = ON; "
    "UPDATE sqlite_master SET sql = replace(sql, 'INTEGER NOT NULL', 'INTEGER') "
    "WHERE name = 'user_subscriptions'; "
    "PRAGMA writable_schema = RESET"
)

ODD: dict[str, tuple[str, str, str]] = {
    "text for an amount": (
        f"{ROW} credits_remaining = 'many' WHERE id = {ADA}",
        "subscription 1: user_subscriptions.credits_remaining holds what is no whole number.",
        "'many'",
    ),
    "a fraction": (
        f"{ROW} credits_used_this_month = 2.5 WHERE id = {ADA}",
        "subscription 1: user_subscriptions.credits_used_this_month",
        "2.5",
    ),
    "nothing": (
        f"{NULLS_ALLOWED}; {ROW} cycle_allowance = NULL WHERE id = {ADA}",
        "subscription 1: user_subscriptions.cycle_allowance",
        "NULL",
    ),
    "no date at all": (
        f"{ROW} next_credit_reset = 'soon' WHERE id = {ADA}",
        "subscription 1: user_subscriptions.next_credit_reset holds what is no date.",
        "'soon'",
    ),
    "a date there is not": (
        f"{ROW} last_credit_reset = '2026-02-30 12:00:00.000000' WHERE id = {ADA}",
        "subscription 1: user_subscriptions.last_credit_reset",
        "'2026-02-30 12:00:00.000000'",
    ),
    "a number of seconds": (
        f"{ROW} subscription_start = 1737000000 WHERE id = {ADA}",
        "subscription 1: user_subscriptions.subscription_start",
        "1737000000",
    ),
    "the year nothing": (
        f"{ROW} created_at = '0000-01-01 00:00:00.000000' WHERE id = {ADA}",
        "subscription 1: user_subscriptions.created_at",
        "'0000-01-01 00:00:00.000000'",
    ),
    "neither yes nor no": (
        f"{ROW} is_active = 'yes' WHERE id = {ADA}",
        "subscription 1: user_subscriptions.is_active holds what is no yes or no.",
        "'yes'",
    ),
    "a ledger's amount": (
        f"{LINE} credits_delta = 'ten' {ADAS_RESET}",
        "usage_history.credits_delta",
        "'ten'",
    ),
    "an amount beyond all numbers": (
        f"{LINE} credits_delta = 9223372036854775807 WHERE subscription_id = {ADA}",
        "B3 subscription 1: Not every rule could be looked at",
        "OperationalError",
    ),
    "a ledger's facts": (
        f"{LINE} metadata = '{{broken' {ADAS_RESET}",
        "usage_history.metadata holds what is no JSON.",
        "'{broken'",
    ),
    "a ledger's time": (
        f"{LINE} created_at = 'yesterday' {ADAS_RESET}",
        "usage_history.created_at",
        "'yesterday'",
    ),
    "a hold's end": (
        f"{HOLD} expires_at = 'never' WHERE id = 1",
        "hold 1: credit_holds.expires_at",
        "'never'",
    ),
    "a hold's parts": (
        f"{HOLD} parts = 7 WHERE id = 1",
        "hold 1: credit_holds.parts",
        "found 7",
    ),
    "a hold's amount": (
        f"{HOLD} credits_held = 'two' WHERE id = 1",
        "hold 1: credit_holds.credits_held",
        "'two'",
    ),
    "a hold's state": (
        f"{HOLD} state = x'00ff' WHERE id = 1",
        "hold 1: credit_holds.state holds what is no text.",
        "X'00FF'",
    ),
    "a grant's expiry": (
        f"{GRANT} expires_at = '2026-13-01' WHERE id = 1",
        "grant 1: credit_grants.expires_at",
        "'2026-13-01'",
    ),
    "a grant's amount": (
        f"{GRANT} credits_remaining = 'some' WHERE id = 1",
        "grant 1: credit_grants.credits_remaining",
        "'some'",
    ),
    "whose it is": (
        f"{GRANT} user_id = 'ada' WHERE id = 1",
        "grant 1: credit_grants.user_id",
        "'ada'",
    ),
    "a plan's credits": (
        "UPDATE subscription_plans SET monthly_credits = 'lots' WHERE id = 1",
        "plan 1: subscription_plans.monthly_credits",
        "'lots'",
    ),
    "a suspended reset's next try": (
        "INSERT INTO suspended_resets VALUES (1, 'failed', 'x', 1, 'then', 'later')",
        "subscription 1: suspended_resets.retry_at",
        "'later'",
    ),
}


def found_in(database: Database) -> list[books.Violation]:
    with database.reading() as session:
        return list(books.verify(session, now=LATER))


@pytest.fixture
def busy_database(sqlite_database: Database) -> Database:
    make_busy(sqlite_database)
    return sqlite_database


@pytest.mark.parametrize("what", ODD)
def test_an_odd_value_is_named_and_left_to_a_person(busy_database: Database, what: str) -> None:
    statement, sentence, value = ODD[what]
    plant(busy_database, *statement.split("; "))

    found = found_in(busy_database)

    told = [str(each) for each in found if each.invariant == "B3"]
    assert any(sentence in each and value in each for each in told), told
    for mend in (propose, apply):
        repairs = mend(busy_database, found)
        assert any("B3" in each.invariants and not each.is_possible for each in repairs)
    assert any(sentence in str(each) for each in found_in(busy_database))


def test_an_odd_value_keeps_nobody_elses_books_from_being_mended(busy_database: Database) -> None:
    plant(
        busy_database,
        f"{ROW} next_credit_reset = 'soon', credits_remaining = credits_remaining + 1 "
        f"WHERE id = {ADA}",
        f"{ROW} credits_used_this_month = credits_used_this_month + 1 WHERE id = {BOB}",
    )

    repairs = apply(busy_database, found_in(busy_database))

    left = {(each.subject.id, each.invariant) for each in found_in(busy_database)}
    assert {number for number, _ in left} == {ADA}
    assert any(str(each).endswith(ODD_VALUES) for each in repairs if not each.is_possible)


def test_rows_without_odd_values_are_told_as_ever(busy_database: Database) -> None:
    plant(
        busy_database,
        f"{ROW} next_credit_reset = 'soon' WHERE id = {ADA}",
        f"{ROW} credits_revoked = credits_revoked + 1 WHERE id = {BOB}",
    )

    told = {(each.invariant, each.subject.id) for each in found_in(busy_database)}

    assert {("B3", ADA), ("B8", BOB)} <= told


def propose(database: Database, violations: list[books.Violation]) -> list[books.Repair]:
    with database.transaction() as session:
        return books.propose_repairs(session, violations, now=LATER)


def apply(database: Database, violations: list[books.Violation]) -> list[books.Repair]:
    with database.transaction() as session:
        return books.apply_repairs(
            session, violations, by=admin_number(ADA), reason="By hand.", now=LATER
        )
