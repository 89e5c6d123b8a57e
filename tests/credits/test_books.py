"""The books: a busy database is clean, and whatever is planted in it is found, named and mended."""

import pytest

from sketchmaker.credits import books
from sketchmaker.credits.books import Repair
from sketchmaker.credits.spending import charges
from sketchmaker.credits.tables import UsageHistory
from sketchmaker.database import Database
from tests.credits.busy_books import ADA, BOB, LATER, do, make_busy
from tests.support.actors import admin_number
from tests.support.people import add_user
from tests.support.planting import plant

pytestmark = pytest.mark.slow  # all of them together

ROW = "UPDATE user_subscriptions SET"
OF_ADA = f"WHERE id = {ADA}"
LINE = "UPDATE usage_history SET"
A_CHARGE = "WHERE id = (SELECT min(id) FROM usage_history WHERE action = 'images')"
A_REFUND = "WHERE action = 'credits_refunded' AND refunded_before > 0"
NEWEST = f"WHERE id = (SELECT max(id) FROM usage_history WHERE subscription_id = {ADA})"
ADAS_RESET = f"WHERE action = 'monthly_reset' AND subscription_id = {ADA}"
SETTLED = f"WHERE state = 'settled' AND user_id = {ADA}"

A_GRANT = (
    "INSERT INTO usage_history (user_id, subscription_id, action, credits_used, credits_delta, "
    "balance_after, cycle, metadata, created_at) SELECT user_id, id, 'force_reset', 0, 0, "
    f"credits_remaining, cycle, '{{{{}}}}', '2026-02-18 0{{}}:00:00.000000' "
    f"FROM user_subscriptions {OF_ADA}"
)

MENDED = {
    "allowance": ("B1", f"{ROW} cycle_allowance = cycle_allowance + 1 {OF_ADA}"),
    "negative": ("B2", f"{ROW} credits_revoked = -1 {OF_ADA}"),
    "minted": (
        "B4",
        (
            f"{ROW} credits_remaining = credits_remaining + 1, "
            f"cycle_allowance = cycle_allowance + 1 {OF_ADA}"
        ),
    ),
    "bonus minted": (
        "B5",
        (
            f"{ROW} credits_remaining = credits_remaining + 1, "
            f"bonus_remaining = bonus_remaining + 1 {OF_ADA}"
        ),
    ),
    "used": (
        "B6",
        (
            f"{ROW} credits_used_this_month = credits_used_this_month + 1, "
            f"credits_remaining = credits_remaining - 1 {OF_ADA}"
        ),
    ),
    "bonus used": (
        "B7",
        (
            f"{ROW} credits_used_this_month = credits_used_this_month + 1, "
            f"bonus_used = bonus_used + 1 {OF_ADA}"
        ),
    ),
    "revoked": (
        "B8",
        (
            f"{ROW} credits_revoked = credits_revoked + 1, "
            f"credits_remaining = credits_remaining - 1 {OF_ADA}"
        ),
    ),
    "newest row": ("B9", f"{LINE} balance_after = balance_after + 90 {NEWEST}"),
    "no start": (
        "B10",
        (
            f"DELETE FROM usage_history WHERE action = 'subscription_started' "
            f"AND subscription_id = {BOB}"
        ),
    ),
    "held": (
        "B11",
        (
            f"{ROW} credits_held = credits_held + 1, "
            f"credits_remaining = credits_remaining - 1 {OF_ADA}"
        ),
    ),
    "bonus held": (
        "B12",
        f"{ROW} credits_held = credits_held + 1, bonus_held = bonus_held + 1 {OF_ADA}",
    ),
    "pending with an end": (
        "B13",
        "UPDATE credit_holds SET ended_at = '2026-02-01 00:00:00.000000' WHERE state = 'pending'",
    ),
    "an end without a row": (
        "B15",
        f"DELETE FROM usage_history WHERE hold_id = (SELECT id FROM credit_holds {SETTLED})",
    ),
    "a row and still pending": (
        "B15",
        (
            f"UPDATE credit_holds SET state = 'pending', ended_at = NULL, credits_settled = 0 "
            f"{SETTLED}"
        ),
    ),
    "settled otherwise": ("B16", f"UPDATE credit_holds SET credits_settled = 1 {SETTLED}"),
    "settled in another cycle": ("B16", f"UPDATE credit_holds SET cycle = 1 {SETTLED}"),
    "grant": ("B17", "UPDATE credit_grants SET credits_expired = credits_expired + 1 WHERE id = 1"),
    "grant held": (
        "B19",
        (
            "UPDATE credit_grants SET credits_held = 0, credits_expired = credits_expired + 2 "
            "WHERE id = 1"
        ),
    ),
    "grant used": (
        "B19",
        (
            "UPDATE credit_grants SET credits_used = 1, credits_remaining = credits_remaining - 1 "
            "WHERE id = 2"
        ),
    ),
    "first expiry": ("B20", f"{ROW} bonus_expires_at = NULL {OF_ADA}"),
    "a lost reset": ("B22", f"DELETE FROM usage_history {ADAS_RESET}"),
    "month drift": (
        "B24",
        f"{ROW} next_credit_reset = '2026-03-18 12:00:00.000000' {OF_ADA}",
    ),
    "last reset": (
        "B24",
        f"{ROW} last_credit_reset = '2026-02-01 12:00:00.000000' {OF_ADA}",
    ),
    "anchor": ("B25", f"{ROW} anchor_cycle = 1 {OF_ADA}"),
    "a hold that nothing ends": (
        "B35",
        (
            "UPDATE credit_holds SET expires_at = '2099-01-01 00:00:00.000000' "
            "WHERE state = 'pending'"
        ),
    ),
    "a runaway": ("B26", ";".join(A_GRANT.format(hour) for hour in range(4))),
}

LEFT = {
    "unreadable parts": (
        "B14",
        (
            "UPDATE credit_holds SET parts = '[[null, 1]]' WHERE state = 'pending' "
            "AND parts IS NOT NULL"
        ),
    ),
    "an unknown state": (
        "B13",
        "UPDATE credit_holds SET state = 'lost', ended_at = NULL WHERE id = 1",
    ),
    "no grant row": ("B21", "DELETE FROM usage_history WHERE action = 'credits_granted'"),
    "a reset to come": ("B22", f"{LINE} cycle = 9 {ADAS_RESET}"),
    "reset too soon": ("B23", f"{LINE} created_at = '2026-02-15 11:59:59.999999' {ADAS_RESET}"),
    "reset without a date": ("B23", f"{LINE} metadata = '{{}}' {ADAS_RESET}"),
    "reset due elsewhere": (
        "B23",
        f'{LINE} metadata = \'{{"due_at": "2026-02-14T12:00:00+00:00"}}\' {ADAS_RESET}',
    ),
    "grants": (
        "B18",
        (
            "UPDATE credit_grants SET credits_remaining = credits_remaining - 1, "
            "credits_expired = credits_expired + 1 WHERE id = 2"
        ),
    ),
    "nobody": ("B27", f"{LINE} user_id = 999 {A_CHARGE}"),
    "no subscription": ("B27", f"{LINE} subscription_id = 999 {A_CHARGE}"),
    "no hold": ("B27", f"{LINE} hold_id = 999 {A_CHARGE}"),
    "another's hold": ("B27", f"UPDATE credit_holds SET user_id = {BOB} {SETTLED}"),
    "nobody's grant": ("B27", "UPDATE credit_grants SET user_id = 999 WHERE id = 2"),
    "left less than nothing": ("B28", f"{LINE} balance_after = -1 {A_CHARGE}"),
    "used less than nothing": ("B28", f"{LINE} credits_used = -1 {A_CHARGE}"),
    "charged more than used": ("B29", f"{LINE} credits_used = credits_used - 1 {A_CHARGE}"),
    "a refund out of nowhere": (
        "B29",
        f"{LINE} credits_delta = 4 WHERE hold_id = (SELECT id FROM credit_holds {SETTLED})",
    ),
    "refunded more than it took": ("B33", f"{LINE} credits_used = -9 {A_REFUND}"),
    "refunded twice": ("B33", f"{LINE} refunded_before = 0 {A_REFUND}"),
    "refunded to another cycle": ("B33", f"{LINE} cycle = 0 {A_REFUND}"),
    "a refund of nothing": ("B33", f"{LINE} refund_of_id = 1 {A_REFUND}"),
    "voided without a word": (
        "B34",
        "UPDATE credit_grants SET voided_at = '2026-02-01 00:00:00.000000' WHERE id = 1",
    ),
    "never voided": (
        "B34",
        "UPDATE usage_history SET action = 'grant_expired' WHERE action = 'grant_voided'",
    ),
    "a reset that uses": ("B29", f"{LINE} credits_used = 2 {ADAS_RESET}"),
    "a reset of bonus": ("B29", f"{LINE} bonus_delta = 2 {ADAS_RESET}"),
    "a plan that takes": ("B30", "UPDATE subscription_plans SET monthly_credits = -1 WHERE id = 1"),
    "a plan beyond all amounts": (
        "B30",
        "UPDATE subscription_plans SET monthly_credits = 1000000001 WHERE id = 3",
    ),
    "terms of no version": (
        "B36",
        (
            "INSERT INTO plan_terms (plan_id, held, starts_at, ends_at, number, monthly_credits) "
            "VALUES (1, 0, '2026-01-01 00:00:00.000000', '2027-01-01 00:00:00.000000', 2, 5000)"
        ),
    ),
    "a version that is none": ("B37", f"{ROW} plan_version = 7 {OF_ADA}"),
    "two at once": ("B31", f"{ROW} user_id = {ADA} WHERE id = {BOB}"),
    "an end that is none": ("B32", f"{ROW} subscription_end = created_at {OF_ADA}"),
}

FRACTIONS = {
    "usage_history": "credits_delta",
    "user_subscriptions": "credits_revoked",
    "credit_grants": "credits_used",
    "credit_holds": "credits_settled",
    "subscription_plans": "monthly_credits",
}


def found_in(database: Database) -> list[books.Violation]:
    with database.reading() as session:
        return list(books.verify(session, now=LATER))


def names_in(database: Database) -> set[str]:
    return {violation.invariant for violation in found_in(database)}


def damage(database: Database, *statements: str) -> None:
    make_busy(database)
    indexes = (
        "uq_user_subscriptions_active_user",
        "uq_usage_history_reset",
        "uq_usage_history_refund",
    )
    plant(database, *(f"DROP INDEX {name}" for name in indexes), *";".join(statements).split(";"))


def repair(database: Database) -> list[Repair]:
    violations = found_in(database)
    with database.transaction() as session:
        return books.apply_repairs(
            session, violations, by=admin_number(ADA), reason="Restored by hand.", now=LATER
        )


def test_a_busy_database_is_clean(database: Database) -> None:
    make_busy(database)

    assert found_in(database) == []


def test_an_empty_database_is_clean(database: Database) -> None:
    assert found_in(database) == []


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_ranges_of_any_size_find_the_same(database: Database, batch: int) -> None:
    damage(database, MENDED["minted"][1], LEFT["reset too soon"][1])
    seen: list[tuple[int, int]] = []

    with database.reading() as session:
        found = list(
            books.verify(session, now=LATER, batch=batch, progress=lambda *at: seen.append(at))
        )

    assert {violation.invariant for violation in found} == {"B4", "B23"}
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 20


@pytest.mark.slow
@pytest.mark.parametrize("what", MENDED)
def test_what_entries_can_mend(database: Database, what: str) -> None:
    invariant, statement = MENDED[what]
    damage(database, statement)
    assert invariant in names_in(database)

    repairs = repair(database)

    assert found_in(database) == []
    assert [str(each) for each in repairs if not each.is_possible] == []
    assert any(invariant in each.invariants for each in repairs)


@pytest.mark.slow
@pytest.mark.parametrize("what", LEFT)
def test_what_a_person_must_decide(database: Database, what: str) -> None:
    invariant, statement = LEFT[what]
    damage(database, statement)
    assert invariant in names_in(database)

    repairs = repair(database)

    assert invariant in names_in(database)
    assert any(invariant in each.invariants for each in repairs if not each.is_possible)


@pytest.mark.parametrize("table", FRACTIONS)
def test_amounts_that_are_not_whole(sqlite_database: Database, table: str) -> None:
    column = FRACTIONS[table]
    damage(sqlite_database, f"UPDATE {table} SET {column} = {column} + 0.5 WHERE id = 1")

    assert "B3" in names_in(sqlite_database)


def test_a_violation_says_what_is_wrong(database: Database) -> None:
    damage(database, MENDED["minted"][1])

    [violation] = found_in(database)

    assert str(violation) == (
        "B4 subscription 1: Available and held are not the sum of the ledger. "
        "(expected 114, found 115)"
    )


def test_a_proposal_changes_nothing_and_is_what_applying_does(database: Database) -> None:
    damage(database, MENDED["used"][1])
    violations = found_in(database)

    with database.transaction() as session:
        proposed = books.propose_repairs(session, violations, now=LATER)

    assert found_in(database) == violations
    assert repair(database) == proposed
    assert "credits_used_this_month 9 → 8" in str(proposed[0])


def test_a_correction_says_who_and_why(database: Database) -> None:
    damage(database, MENDED["minted"][1])

    repair(database)

    with database.reading() as session:
        [row] = session.query(UsageHistory).filter_by(action="books_correction")
    assert row.credits_delta == 0
    assert row.details["by"] == ADA
    assert row.details["reason"] == "Restored by hand."
    assert "credits_remaining 105 → 104" in row.details["changes"][0]


def test_mending_twice_does_nothing_more(database: Database) -> None:
    damage(database, MENDED["minted"][1])
    repair(database)

    assert repair(database) == []


def test_a_mended_balance_can_be_spent(database: Database) -> None:
    damage(database, MENDED["held"][1])
    repair(database)

    do(database, charges.charge, user_id=ADA, credits=5, action="images", now=LATER)

    assert found_in(database) == []


def test_a_user_without_a_plan_has_clean_books(database: Database) -> None:
    do(database, add_user, now=LATER)

    assert found_in(database) == []
