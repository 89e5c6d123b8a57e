"""What mends the books: entries that compensate, and balances worked out anew from the rows.

The ledger, holds and grants are believed in this order, and the subscription's row least. No row of
the ledger is ever changed: a difference becomes a `books_correction` that says who, why and from
what to what. What no entry can undo is left to a person, and said to be.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sketchmaker.credits import guard
from sketchmaker.credits.books import mending, verification
from sketchmaker.credits.books.mending import Correction
from sketchmaker.credits.books.sweeps import GRANT, HOLD, SUBSCRIPTION, USER
from sketchmaker.credits.books.violations import Subject, Violation
from sketchmaker.credits.tables import GRANTS, HOLDS, SUBSCRIPTIONS

Found = dict[Subject, set[str]]
Mend = Callable[[Session, int, Correction], str | None]

LEFT_TO_A_PERSON: Final = {
    "B3": "An amount that is not a whole number must be looked at and set by hand.",
    "B14": "Nobody can tell which grants it holds: settle or release it by hand.",
    "B21": "A grant or its ledger row is missing: find out which before anything is added.",
    "B22": "A reset row can't be taken back. If it gave too much, revoke the credits.",
    "B23": "A reset row can't be taken back. If it gave too much, revoke the credits.",
    "B27": "What it refers to is gone or another's: compare with a backup.",
    "B28": "A row of the ledger is never edited: find out what wrote it.",
    "B29": "A row of the ledger is never edited: find out what wrote it.",
    "B30": "Give the plan another allowance.",
    "B31": "Decide which of the subscriptions goes on, and deactivate the others.",
    "B32": "Decide whether it goes on: reactivate or deactivate it.",
    "B33": "A refund can't be taken back. If it gave too much, revoke the credits.",
    "B34": "Find out whether the grant was to be voided, and by whom.",
}
BY_BALANCE: Final = {
    f"B{number}" for number in (1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20)
} | {"B22", "B24", "B25"}
"""What working out a balance anew mends, alone or after its holds and grants."""

OTHERWISE = "The rows that would tell what is right contradict each other: it takes a person."


@dataclass(frozen=True, slots=True)
class Repair:
    """What mends one subject, or (`is_possible` false) why no entry can."""

    subject: Subject
    invariants: tuple[str, ...]
    sentence: str
    is_possible: bool

    def __str__(self) -> str:
        mark = "" if self.is_possible else "No entry mends this. "
        return f"{self.subject} ({', '.join(self.invariants)}): {mark}{self.sentence}"


def propose_repairs(
    session: Session, violations: Iterable[Violation], *, now: datetime
) -> list[Repair]:
    """What `apply_repairs` would do at `now`: it is done, and undone. The session can write."""
    attempt = session.begin_nested()
    try:
        return _mend(session, violations, Correction(by_id=None, reason="", now=now))
    finally:
        attempt.rollback()


def apply_repairs(
    session: Session, violations: Iterable[Violation], *, by_id: int, reason: str, now: datetime
) -> list[Repair]:
    """Mend what entries can mend, on the word of that admin. The caller commits.

    Each subject is worked out anew from the rows as they are now, under its lock; so what changed
    since it was verified is not overwritten.
    """
    return _mend(session, violations, Correction(by_id=by_id, reason=reason.strip(), now=now))


def _mend(
    session: Session, violations: Iterable[Violation], correction: Correction
) -> list[Repair]:
    found: Found = defaultdict(set)
    for violation in violations:
        found[violation.subject].add(violation.invariant)
    # Holds before grants, grants before balances: each is worked out from those before it.
    done: list[Repair] = []
    for kind, mend in ((HOLD, mending.mend_hold), (GRANT, mending.mend_grant)):
        done += _mend_kind(session, _of_kind(found, kind), mend, correction)
    balances = _balances_concerned(session, found)
    done += _mend_kind(session, balances, mending.mend_subscription, correction)
    done += _park(session, found, correction)
    return done + _left_over(session, {**found, **balances}, correction)


def _mend_kind(session: Session, found: Found, mend: Mend, correction: Correction) -> list[Repair]:
    repairs = []
    for subject, invariants in found.items():
        sentence = mend(session, subject.id, correction)
        if sentence is not None:
            repairs.append(Repair(subject, _sorted(invariants), sentence, is_possible=True))
    return repairs


def _balances_concerned(session: Session, found: Found) -> Found:
    """The subscriptions to work out anew: those found wrong, and those of holds, grants, users."""
    concerned: Found = defaultdict(set)
    for subject, invariants in found.items():
        for subscription_id in _subscriptions_of(session, subject):
            concerned[Subject(SUBSCRIPTION, subscription_id)] |= invariants & BY_BALANCE
    return {subject: why for subject, why in concerned.items() if why}


def _subscriptions_of(session: Session, subject: Subject) -> list[int]:
    row, owner = SUBSCRIPTIONS.c, GRANTS.c.user_id
    if subject.kind == SUBSCRIPTION:
        return [subject.id]
    if subject.kind == HOLD:
        query = select(HOLDS.c.subscription_id).where(HOLDS.c.id == subject.id)
    elif subject.kind == GRANT:
        query = select(row.id).join(GRANTS, owner == row.user_id).where(GRANTS.c.id == subject.id)
    elif subject.kind == USER:
        query = select(row.id).where(row.user_id == subject.id)
    else:
        return []
    return list(session.scalars(query))


def _park(session: Session, found: Found, correction: Correction) -> list[Repair]:
    runaway = [subject for subject, why in found.items() if "B26" in why]
    parked = guard.watch(session, [subject.id for subject in runaway], now=correction.now)
    sentence = "Park it: no resets until an admin releases it."
    return [Repair(Subject(SUBSCRIPTION, n), ("B26",), sentence, is_possible=True) for n in parked]


def _left_over(session: Session, concerned: Found, correction: Correction) -> list[Repair]:
    """What still does not hold after everything that could be done."""
    left: Found = defaultdict(set)
    for subject in concerned:
        for violation in verification.verify_one(session, subject, now=correction.now):
            left[subject].add(violation.invariant)
    return [
        Repair(subject, (name,), LEFT_TO_A_PERSON.get(name, OTHERWISE), is_possible=False)
        for subject, names in left.items()
        for name in _sorted(names)
    ]


def _of_kind(found: Found, kind: str) -> Found:
    return {subject: why for subject, why in found.items() if subject.kind == kind}


def _sorted(invariants: set[str]) -> tuple[str, ...]:
    return tuple(sorted(invariants, key=lambda name: int(name[1:])))
