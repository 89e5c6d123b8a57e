"""What mends the books: entries that compensate, and balances worked out anew from the rows.

The ledger, holds and grants are believed in this order, and the subscription's row least. No row of
the ledger is ever changed: a difference becomes a `books_correction` that says who, why and what.
What a user's rows can't tell is left to a person, with the reason; so is everything that would not
leave the books of that user better than before.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sketchmaker.credits.books import attempts, verification
from sketchmaker.credits.books.attempts import Found, Mended
from sketchmaker.credits.books.mending import Correction
from sketchmaker.credits.books.sweeps import GRANT, HOLD, LEDGER_ROW, SUBSCRIPTION, USER
from sketchmaker.credits.books.violations import Subject, Violation
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rules.instants import in_utc
from sketchmaker.credits.tables import GRANTS, HOLDS, LEDGER, SUBSCRIPTIONS
from sketchmaker.record import trail
from sketchmaker.record.actor import Actor
from sketchmaker.record.actor import Subject as Audited

LEFT_TO_A_PERSON: Final = {
    "B3": "A value that is none of its column's kind must be looked at and set by hand.",
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
    "B36": "Edit the plan once more: its terms are written anew.",
    "B37": "Change the subscription to its plan again, now: it takes the version on sale.",
    "B34": "Find out whether the grant was to be voided, and by whom.",
}

OTHERWISE: Final = (
    "The rows that would tell what is right contradict each other: it takes a person."
)


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


@in_utc
def propose_repairs(
    session: Session, violations: Iterable[Violation], *, now: datetime
) -> list[Repair]:
    """What `apply_repairs` would do at `now`: it is done, and undone. The session can write."""
    attempt = session.begin_nested()
    try:
        return _mend(session, violations, Correction(by=None, reason="", now=now))
    finally:
        attempt.rollback()


@in_utc
def apply_repairs(
    session: Session, violations: Iterable[Violation], *, by: Actor, reason: str, now: datetime
) -> list[Repair]:
    """Mend what entries can mend, on the word of that admin. The caller commits.

    The rows of each user are worked out anew as they are now, under lock, and verified: what does
    not leave fewer violations, and none that was not there before, is undone and left to a person.

    Raises:
        ReasonMissing: the actor does not say why.
    """
    repairs = _mend(session, violations, Correction(by=by, reason=reason.strip(), now=now))
    for repair in repairs:
        if repair.is_possible:
            _note(session, repair, by, reason, now)
    return repairs


def _note(session: Session, repair: Repair, by: Actor, reason: str, now: datetime) -> None:
    subject = repair.subject
    what = Audited(subject.kind, subject.id, str(subject), _owner(session, subject))
    done = {"invariants": list(repair.invariants), "done": repair.sentence}
    trail.record(session, by, "correction", what, before=None, after=done, reason=reason, now=now)


def _mend(
    session: Session, violations: Iterable[Violation], correction: Correction
) -> list[Repair]:
    by_user: dict[int | None, Found] = defaultdict(lambda: defaultdict(set))
    obstacles: dict[int | None, str] = {}
    for violation in violations:
        owner = _owner(session, violation.subject)
        by_user[owner][violation.subject].add(violation.invariant)
        obstacle = attempts.obstacle(violation)
        if obstacle:
            obstacles |= dict.fromkeys(_concerned(session, violation.subject, owner), obstacle)
    repairs: list[Repair] = []
    for user_id, found in by_user.items():
        mended = Mended(obstacle=obstacles.get(user_id))
        if user_id is not None and user_id not in obstacles:
            mended = attempts.mend_user(session, user_id, found, correction)
        repairs += _told(session, found, mended, correction)
    return repairs


def _told(session: Session, found: Found, mended: Mended, correction: Correction) -> list[Repair]:
    """What was done for a user, and what still does not hold."""
    done = [
        Repair(subject, _sorted(found.get(subject) or mended.concerned), sentence, is_possible=True)
        for subject, sentence in mended.sentences.items()
    ]
    can_be_read = mended.obstacle != attempts.ODD_VALUES
    runaway = [subject.id for subject, why in found.items() if "B26" in why and can_be_read]
    sentence = "Park it: no resets until an admin releases it."
    done += [
        Repair(Subject(SUBSCRIPTION, stopped), ("B26",), sentence, is_possible=True)
        for stopped in guard.watch(session, runaway, now=correction.now)
    ]
    return done + _left_over(session, {*found, *mended.sentences}, mended.obstacle, correction)


def _left_over(
    session: Session, subjects: set[Subject], obstacle: str | None, correction: Correction
) -> list[Repair]:
    left: Found = defaultdict(set)
    for subject in sorted(subjects, key=lambda each: (each.kind, each.id)):
        for violation in verification.verify_one(session, subject, now=correction.now):
            left[subject].add(violation.invariant)
    reason = obstacle or OTHERWISE
    return [
        Repair(subject, (name,), LEFT_TO_A_PERSON.get(name, reason), is_possible=False)
        for subject, names in left.items()
        for name in _sorted(names)
    ]


def _owner(session: Session, subject: Subject) -> int | None:
    """The user whose books a row belongs to; None for plans, and for what is nobody's."""
    if subject.kind == USER:
        return subject.id
    owned = {
        SUBSCRIPTION: SUBSCRIPTIONS,
        HOLD: HOLDS,
        GRANT: GRANTS,
        LEDGER_ROW: LEDGER,
    }
    table = owned.get(subject.kind)
    if table is None:
        return None
    return session.scalar(select(table.c.user_id).where(table.c.id == subject.id))


def _concerned(session: Session, subject: Subject, owner: int | None) -> set[int | None]:
    """The owner of a row, and of the subscription that it is on, if it is of the ledger."""
    if subject.kind != LEDGER_ROW:
        return {owner}
    query = select(SUBSCRIPTIONS.c.user_id).join(
        LEDGER, LEDGER.c.subscription_id == SUBSCRIPTIONS.c.id
    )
    return {owner, session.scalar(query.where(LEDGER.c.id == subject.id))}


def _sorted(invariants: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(invariants, key=lambda name: int(name[1:])))
