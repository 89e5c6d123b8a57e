"""Damage planted in busy books: a repair restores what was, or leaves it to a person; never worse.

What was there before the damage is the measure, not that the books close: they would also close
over credits given away.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Row, Table, select

from sketchmaker.credits import books
from sketchmaker.credits.books import Repair
from sketchmaker.credits.spending import holds
from sketchmaker.credits.tables import GRANTS, HOLDS, LEDGER, PLANS, SUBSCRIPTIONS
from sketchmaker.database import Database
from tests.credits.busy_books import ADA, BOB, DAY, LATER, do, make_busy
from tests.support.actors import admin_number
from tests.support.planting import plant

pytestmark = pytest.mark.slow

ROW = "UPDATE user_subscriptions SET"
OF_ADA = f"WHERE id = {ADA}"
OF_BOB = f"WHERE id = {BOB}"
LINE = "UPDATE usage_history SET"
NEWEST_CHARGE = (
    "WHERE id = (SELECT max(id) FROM usage_history WHERE action = 'images' "
    f"AND hold_id IS NULL AND subscription_id = {ADA})"
)
FIRST_CHARGE = NEWEST_CHARGE.replace("max(id)", "min(id)")
ADAS_RESET = f"WHERE action = 'monthly_reset' AND subscription_id = {ADA}"
SETTLED = f"WHERE state = 'settled' AND user_id = {ADA}"
ROW_OF_SETTLED = f"WHERE hold_id = (SELECT id FROM credit_holds {SETTLED})"
PENDING_AGAIN = (
    "UPDATE credit_holds SET state = 'pending', ended_at = NULL, credits_settled = 0, "
    f"expires_at = '2099-01-01 00:00:00.000000' {SETTLED}"
)
COLUMNS = ", ".join(f'"{column.name}"' for column in LEDGER.c if column.name != "id")
TWICE = f"INSERT INTO usage_history ({COLUMNS}) SELECT {COLUMNS} FROM usage_history"
# Nearly always a row of the database has to be wrong in two columns to get past its CHECKs.
LESS = "credits_remaining = credits_remaining - 1"

RESTORED = {
    "cycle one ahead": f"{ROW} cycle = cycle + 1 {OF_ADA}",
    "cycle one behind": f"{ROW} cycle = cycle - 1 {OF_ADA}",
    "cycle of a restarted one behind": f"{ROW} cycle = cycle - 1 {OF_BOB}",
    "first cycle of the anchor": f"{ROW} anchor_cycle = anchor_cycle + 1 {OF_ADA}",
    "anchor a day later": f"{ROW} subscription_start = '2026-01-16 12:00:00.000000' {OF_ADA}",
    "anchor and resets a day later": (
        f"{ROW} subscription_start = '2026-01-16 12:00:00.000000', "
        f"next_credit_reset = '2026-03-16 12:00:00.000000' {OF_ADA}"
    ),
    "next reset moved": f"{ROW} next_credit_reset = '2026-03-18 12:00:00.000000' {OF_ADA}",
    "next reset a month early": f"{ROW} next_credit_reset = '2026-02-19 12:00:00.000000' {OF_ADA}",
    "balance off": f"{ROW} credits_remaining = credits_remaining + 1 {OF_ADA}",
    "balance and allowance off": (
        f"{ROW} credits_remaining = credits_remaining + 50, "
        f"cycle_allowance = cycle_allowance + 50 {OF_ADA}"
    ),
    "allowance off": f"{ROW} cycle_allowance = cycle_allowance + 7 {OF_ADA}",
    "held off": f"{ROW} credits_held = credits_held + 1, {LESS} {OF_ADA}",
    "used off": f"{ROW} credits_used_this_month = credits_used_this_month + 1, {LESS} {OF_ADA}",
    "bonus off": f"{ROW} bonus_remaining = bonus_remaining + 1, credits_remaining = "
    f"credits_remaining + 1 {OF_ADA}",
    "bonus held off": (
        f"{ROW} bonus_held = bonus_held + 1, credits_held = credits_held + 1 {OF_ADA}"
    ),
    "grant used off": (
        "UPDATE credit_grants SET credits_used = credits_used + 1, "
        "credits_remaining = credits_remaining - 1 WHERE id = 2"
    ),
    "grant remaining off": (
        "UPDATE credit_grants SET credits_remaining = credits_remaining + 1 WHERE id = 2"
    ),
    "grant expired off": (
        "UPDATE credit_grants SET credits_expired = credits_expired + 1 WHERE id = 2"
    ),
    "hold contradicts its row": f"UPDATE credit_holds SET credits_settled = 5 {SETTLED}",
    "hold pending until 2099 with its row": PENDING_AGAIN,
    "reset row missing": f"DELETE FROM usage_history {ADAS_RESET}",
    "row of a hold's end missing": f"DELETE FROM usage_history {ROW_OF_SETTLED}",
    "a reset that nobody saw": (
        f"{ROW} cycle = 2, last_credit_reset = '2026-02-18 11:00:00.000000', "
        f"next_credit_reset = '2026-04-15 12:00:00.000000' {OF_ADA}"
    ),
    "delta of a reset changed": f"{LINE} credits_delta = credits_delta + 3 {ADAS_RESET}",
}

LEFT = {
    "ledger row missing": f"DELETE FROM usage_history {FIRST_CHARGE}",
    "ledger row twice": f"{TWICE} {FIRST_CHARGE}",
    "newest charge twice": f"{TWICE} {NEWEST_CHARGE}",
    "reset row twice": f"{TWICE} {ADAS_RESET}",
    "delta of a charge changed": f"{LINE} credits_delta = credits_delta - 1 {NEWEST_CHARGE}",
    "used of a charge changed": f"{LINE} credits_used = credits_used + 1 {NEWEST_CHARGE}",
    "row of a foreign subscription": f"{LINE} subscription_id = {BOB} {NEWEST_CHARGE}",
    "two active subscriptions": f"{ROW} user_id = {ADA} {OF_BOB}",
    "hold of no known state": "UPDATE credit_holds SET state = 'lost' WHERE id = 1",
    "balance off and ledger row missing": (
        f"{ROW} credits_remaining = credits_remaining + 9, "
        f"cycle_allowance = cycle_allowance + 9 {OF_ADA};"
        f"DELETE FROM usage_history {FIRST_CHARGE}"
    ),
    "impossible zone": f"{ROW} time_zone = 'Moon/Base' {OF_ADA}",
}

OTHER_HOLD = 8
"""What Ada's other hold of the present cycle gives back when it expires."""

TABLES = (PLANS, SUBSCRIPTIONS, GRANTS, HOLDS, LEDGER)


@dataclass
class Snapshot:
    """Every row of the books, and what is wrong with them."""

    rows: dict[str, list[Row[Any]]]
    violations: Counter[tuple[str, str, str]]

    def of(self, table: Table) -> list[Row[Any]]:
        return self.rows[table.name]

    def available(self) -> dict[int, int]:
        return {row.id: row.credits_remaining for row in self.of(SUBSCRIPTIONS)}


def snapshot(database: Database) -> Snapshot:
    with database.reading() as session:
        rows = {
            table.name: list(session.execute(select(table).order_by(table.c.id)).all())
            for table in TABLES
        }
    with database.reading() as session:
        found = list(books.verify(session, now=LATER))
    names = Counter((str(each.subject), each.invariant, each.sentence) for each in found)
    return Snapshot(rows, names)


def plant_in_busy_books(database: Database, damage: str) -> Snapshot:
    """Break busy books without their unique indexes; what they were before."""
    make_busy(database)
    before = snapshot(database)
    assert before.violations == Counter()
    indexes = ("uq_user_subscriptions_active_user", "uq_usage_history_reset")
    unique = [f"DROP INDEX {name}" for name in indexes]
    plant(database, *unique, *damage.split(";"))
    return before


def repair(database: Database) -> list[Repair]:
    with database.reading() as session:
        violations = list(books.verify(session, now=LATER))
    with database.transaction() as session:
        proposed = books.propose_repairs(session, violations, now=LATER)
    with database.transaction() as session:
        done = books.apply_repairs(
            session, violations, by=admin_number(ADA), reason="Found.", now=LATER
        )
    assert [str(each) for each in proposed] == [str(each) for each in done]
    return done


def assert_no_worse(original: Snapshot, damaged: Snapshot, after: Snapshot) -> None:
    """Nothing is wrong that was not before, and nobody has more than before or after the damage."""
    assert after.violations <= damaged.violations
    most = {number: max(credits, damaged.available()[number])
            for number, credits in original.available().items()}  # fmt: skip
    assert all(credits <= most[number] for number, credits in after.available().items())
    assert after.of(LEDGER)[: len(damaged.of(LEDGER))] == damaged.of(LEDGER)


def ends(found: Snapshot) -> list[tuple[Any, ...]]:
    """The holds but for when they would have expired: that is over for one that has ended."""
    return [
        (row.id, row.state, row.credits_held, row.credits_settled, row.cycle, row.ended_at)
        for row in found.of(HOLDS)
    ]


@pytest.mark.parametrize("what", RESTORED)
def test_a_repair_restores_what_was_there(database: Database, what: str) -> None:
    original = plant_in_busy_books(database, RESTORED[what])
    damaged = snapshot(database)
    assert damaged.violations

    repair(database)

    after = snapshot(database)
    assert after.violations == Counter()
    assert_no_worse(original, damaged, after)
    for table in (PLANS, SUBSCRIPTIONS, GRANTS):
        assert after.of(table) == original.of(table)
    assert ends(after) == ends(original)
    added = after.of(LEDGER)[len(damaged.of(LEDGER)) :]
    assert all(row.metadata["correction"] for row in added)


@pytest.mark.parametrize("held_in", ["an earlier cycle", "this cycle"])
def test_a_hold_that_nothing_would_end_gives_its_credits_back(
    database: Database, held_in: str
) -> None:
    which = SETTLED
    make_busy(database)
    if held_in == "this cycle":
        now = LATER - timedelta(hours=1)
        hold = do(database, holds.place, user_id=ADA, credits=5, action="images", now=now)
        do(database, holds.settle, hold_id=hold.id, credits=2, now=now)
        which = f"WHERE id = {hold.id}"
    original = snapshot(database)
    row = f"WHERE hold_id = (SELECT id FROM credit_holds {which})"
    plant(database, f"DELETE FROM usage_history {row}", PENDING_AGAIN.replace(SETTLED, which))
    assert "B35" in {invariant for _, invariant, _ in snapshot(database).violations}

    repair(database)

    after = snapshot(database)
    assert after.violations == Counter()
    do(database, holds.release_expired, now=LATER + 8 * DAY)
    ended = snapshot(database)
    assert ended.violations == Counter()
    gained = ended.available()[ADA] - original.available()[ADA] - OTHER_HOLD
    # Nothing tells any more that two of this cycle's were settled.
    assert gained == {"an earlier cycle": 0, "this cycle": 2}[held_in]


@pytest.mark.parametrize("what", LEFT)
def test_what_the_rows_can_not_tell_is_left_as_it_is(database: Database, what: str) -> None:
    original = plant_in_busy_books(database, LEFT[what])
    damaged = snapshot(database)
    assert damaged.violations

    repairs = repair(database)

    after = snapshot(database)
    assert_no_worse(original, damaged, after)
    assert after.rows == damaged.rows
    assert repairs
    assert not any(each.is_possible for each in repairs)
    assert all(each.sentence.endswith((".", "backup.")) for each in repairs)
