"""What holds and spends took from which grant: written as facts, so read here and not in SQL.

Only holds and ledger rows that touched a grant are fetched, in ranges, and added up.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row, and_, case, func, null, or_, select
from sqlalchemy.orm import Session

from sketchmaker.credits.books.row_rules import IS_PENDING
from sketchmaker.credits.books.sums import forced
from sketchmaker.credits.books.sweeps import GRANT, HOLD, SUBSCRIPTION, within
from sketchmaker.credits.books.violations import Subject, Violation
from sketchmaker.credits.rules.new_cycle import still_holds_allowance
from sketchmaker.credits.tables import GRANTS, HOLDS, LEDGER, SUBSCRIPTIONS

HAS_PARTS = HOLDS.c.parts.is_not(null())
SPENT_BONUS = and_(LEDGER.c.bonus_delta < 0, LEDGER.c.credits_used > 0)
SPENT_OR_REFUNDED = or_(SPENT_BONUS, LEDGER.c.refund_of_id.is_not(None))
ROW = SUBSCRIPTIONS.c

Pairs = list[tuple[int | None, int]]


def pairs_of(written: object) -> Pairs | None:
    """Sources and credits as a row tells them; None when they can't be read."""
    if not isinstance(written, list):
        return None
    pairs: Pairs = []
    for pair in written:
        match pair:
            case [None | int() as grant_id, int() as credits] if credits > 0:
                pairs.append((grant_id, credits))
            case _:
                return None
    return pairs


def bonus_of(pairs: Pairs) -> int:
    """How many of the credits are grants'."""
    return sum(credits for grant_id, credits in pairs if grant_id is not None)


def check_hold_parts(session: Session, low: int, high: int) -> Iterator[Violation]:
    """B14: the parts of a hold add up to it."""
    query = select(HOLDS.c.id, HOLDS.c.credits_held, HOLDS.c.parts).where(
        within(HOLDS.c.id), HAS_PARTS
    )
    for row in session.execute(query, _range(low, high)).all():
        pairs = pairs_of(row.parts)
        total = "parts that can't be read" if pairs is None else sum(part[1] for part in pairs)
        if total != row.credits_held:
            yield Violation(
                "B14",
                Subject(HOLD, row.id),
                "The sources of the hold do not add up to it.",
                row.credits_held,
                total,
            )


def check_held(session: Session, low: int, high: int) -> Iterator[Violation]:
    """B7, B11, B12: what is held, and the bonus used, are what holds and spends say."""
    allowance, bonus = held_by_holds(session, low, high)
    used = bonus_used_by_ledger(session, low, high)
    query = select(ROW.id, ROW.credits_held, ROW.bonus_held, ROW.bonus_used).where(within(ROW.id))
    for row in session.execute(query, _range(low, high)).all():
        held = row.credits_held - row.bonus_held
        yield from _differs("B11", row.id, _OF_CYCLE, allowance[row.id], held)
        yield from _differs("B12", row.id, _OF_GRANTS, bonus[row.id], row.bonus_held)
        yield from _differs("B7", row.id, _USED, used[row.id], row.bonus_used)


def held_by_holds(session: Session, low: int, high: int) -> tuple[Counter[int], Counter[int]]:
    """By subscription: allowance that pending holds of its cycle hold; bonus that any holds."""
    counts = still_holds_allowance(HOLDS.c.cycle, ROW.cycle)
    of_cycle = case((counts, HOLDS.c.credits_held), else_=0)
    pending = HOLDS.join(SUBSCRIPTIONS, ROW.id == HOLDS.c.subscription_id)
    of_range = and_(within(HOLDS.c.subscription_id), IS_PENDING)
    totals = session.execute(
        select(HOLDS.c.subscription_id, func.sum(of_cycle))
        .select_from(pending)
        .where(of_range)
        .group_by(HOLDS.c.subscription_id),
        _range(low, high),
    )
    allowance: Counter[int] = Counter({row[0]: row[1] for row in totals})
    bonus: Counter[int] = Counter()
    mixed = select(HOLDS.c.subscription_id, HOLDS.c.cycle, HOLDS.c.parts, ROW.cycle.label("now"))
    query = mixed.select_from(pending).where(of_range, HAS_PARTS)
    for row in session.execute(query, _range(low, high)).all():
        of_grants = bonus_of(pairs_of(row.parts) or [])
        bonus[row.subscription_id] += of_grants
        if still_holds_allowance(row.cycle, row.now):
            allowance[row.subscription_id] -= of_grants
    return allowance, bonus


def bonus_used_by_ledger(session: Session, low: int, high: int) -> Counter[int]:
    """By subscription: bonus that was used in its cycle, since it was refilled by force."""
    since = forced()
    query = (
        select(LEDGER.c.subscription_id, LEDGER.c.refund_of_id, LEDGER.c.metadata)
        .join(SUBSCRIPTIONS, ROW.id == LEDGER.c.subscription_id)
        .outerjoin(since, since.c.subscription_id == LEDGER.c.subscription_id)
        .where(
            within(LEDGER.c.subscription_id),
            LEDGER.c.cycle == ROW.cycle,
            SPENT_OR_REFUNDED,
            or_(
                since.c.floor.is_(None),
                func.coalesce(LEDGER.c.refund_of_id, LEDGER.c.id) > since.c.floor,
            ),
        )
    )
    used: Counter[int] = Counter()
    for row in session.execute(query, _range(low, high)):
        sign = 1 if row.refund_of_id is None else -1
        used[row.subscription_id] += sign * bonus_of(_spent_pairs(row))
    return used


def check_grants(session: Session, low: int, high: int) -> Iterator[Violation]:
    """B19: what of a grant is held and used is what holds and the ledger say; by user."""
    held, used = held_of_grants(session, low, high), used_of_grants(session, low, high)
    query = select(GRANTS.c.id, GRANTS.c.credits_held, GRANTS.c.credits_used)
    for row in session.execute(query.where(within(GRANTS.c.user_id)), _range(low, high)).all():
        subject = Subject(GRANT, row.id)
        if row.credits_held != held[row.id]:
            sentence = "What of the grant is held is not what pending holds say."
            yield Violation("B19", subject, sentence, held[row.id], row.credits_held)
        if row.credits_used != used[row.id]:
            sentence = "What of the grant was used is not what the ledger says."
            yield Violation("B19", subject, sentence, used[row.id], row.credits_used)


def held_of_grants(session: Session, low: int, high: int) -> Counter[int]:
    """By grant, for a range of users: credits that pending holds hold."""
    query = select(HOLDS.c.parts).where(within(HOLDS.c.user_id), IS_PENDING, HAS_PARTS)
    held: Counter[int] = Counter()
    for row in session.execute(query, _range(low, high)):
        _add(held, pairs_of(row.parts) or [])
    return held


def used_of_grants(session: Session, low: int, high: int) -> Counter[int]:
    """By grant, for a range of users: credits that the ledger says were used, and not refunded."""
    query = select(LEDGER.c.refund_of_id, LEDGER.c.metadata)
    used: Counter[int] = Counter()
    for row in session.execute(
        query.where(within(LEDGER.c.user_id), SPENT_OR_REFUNDED), _range(low, high)
    ):
        _add(used, _spent_pairs(row), sign=1 if row.refund_of_id is None else -1)
    return used


_OF_CYCLE = "The allowance that is held is not that of the pending holds of this cycle."
_OF_GRANTS = "The bonus that is held is not that of the pending holds."
_USED = "The bonus used in this cycle is not what the ledger says."


def _differs(
    invariant: str, subscription_id: int, sentence: str, expected: int, found: int
) -> Iterator[Violation]:
    if expected != found:
        yield Violation(
            invariant, Subject(SUBSCRIPTION, subscription_id), sentence, expected, found
        )


def _spent_pairs(row: Row[*tuple[Any, ...]]) -> Pairs:
    facts = row[-1]
    return (pairs_of(facts.get("grants")) or []) if isinstance(facts, dict) else []


def _add(credits_by_grant: Counter[int], pairs: Pairs, *, sign: int = 1) -> None:
    for grant_id, credits in pairs:
        if grant_id is not None:
            credits_by_grant[grant_id] += sign * credits


def _range(low: int, high: int) -> dict[str, int]:
    return {"above": low, "up_to": high}
