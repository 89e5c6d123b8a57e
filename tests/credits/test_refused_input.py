"""Whatever a verb can't be called with is refused by name, the same on both databases."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import (
    adjustments,
    forced_resets,
    lifecycle,
    plan_changes,
    rescheduling,
    subscriptions,
)
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rules.amounts import LONGEST_REASON
from sketchmaker.credits.rules.errors import CreditError
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY
from tests.support.member import Member
from tests.support.people import assert_books_close

pytestmark = pytest.mark.slow  # all of them together

JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
UNKEEPABLE = ["NUL \0", "half \ud83d"]
NO_TEXT = [None, 7, b"bytes", ["list"]]
NO_NUMBER = [0, -1, True, 1.0, "1", None, [1], 2**63, 2**70]
NO_SHORT_NUMBER = [*NO_NUMBER, 2**31, 2**40]
NOBODY: list[Any] = [number for number in NO_SHORT_NUMBER if number is not None]

WRONG: dict[str, list[Any]] = {
    **dict.fromkeys(("hold_id", "entry_id"), NO_NUMBER),
    **dict.fromkeys(("user_id", "subscription_id", "grant_id"), NO_SHORT_NUMBER),
    "by": [replace(SOMEBODY, account_id=number) for number in NOBODY],
    "credits": [-1, True, 1.0, "1", None, 2**40, 2**70],
    "action": ["a" * 51, "monthly_reset", *UNKEEPABLE, *NO_TEXT],
    "reason": ["a" * (LONGEST_REASON + 1), *UNKEEPABLE, *NO_TEXT],
    "plan_name": ["gold", "a" * 1_000, *UNKEEPABLE, *NO_TEXT[1:]],
    "time_zone": ["Mars/Olympus", "a" * 65, *UNKEEPABLE, *NO_TEXT[1:]],
    "when": ["nextreset", *UNKEEPABLE, *NO_TEXT],
    "kind": ["gift", *UNKEEPABLE, *NO_TEXT],
    "details": [[], "text", 7, {"big": 10**5_000}, {"at": JOINED}, {"t": "half \ud83d"}],
    "lifetime": [timedelta(), timedelta(days=8), 3_600, "1 h", None],
    "key": ["", "a" * 256, 7, *UNKEEPABLE],
    "now": [JOINED.replace(tzinfo=None), "2026-01-15", 7, None],
    "at": [JOINED.replace(tzinfo=None), "2026-01-15", 7, None],
    "until": [JOINED.replace(tzinfo=None), "2026-01-15", 7, None],
    "expires_at": [JOINED.replace(tzinfo=None), "2026-01-15", 7],
}
"""What no verb takes, by argument."""

RIGHT: dict[str, Any] = {
    "credits": 1,
    "action": "images",
    "reason": "They asked.",
    "plan_name": "premium",
    "when": "now",
    "by": SOMEBODY,
    "kind": "admin",
    "now": JOINED,
    "at": JOINED + timedelta(days=40),
    "until": JOINED + timedelta(hours=3),
}

OF_THE_DESK = [
    name
    for name, verb in inspect.getmembers(CreditDesk, inspect.isfunction)
    if not name.startswith("_") and name not in {"once", "attempt"}
]

BESIDE_THE_DESK: list[Callable[..., Any]] = [
    adjustments.revoke,
    forced_resets.force_reset,
    guard.resume,
    lifecycle.deactivate,
    lifecycle.leave,
    lifecycle.reactivate,
    plan_changes.cancel_scheduled,
    plan_changes.default_when,
    plan_changes.preview,
    rescheduling.suspend,
    rescheduling.reschedule,
    subscriptions.start,
]


def cases() -> Iterator[Any]:
    """Each verb, and of those that take a key also the verb under one."""
    for name in OF_THE_DESK:
        has_key = "key" in inspect.signature(getattr(CreditDesk, name)).parameters
        for key in [None, "order-7"] if has_key else [None]:
            yield pytest.param(name, key, id=f"desk.{name}-{key}")
    for verb in BESIDE_THE_DESK:
        name = f"{verb.__module__.rpartition('.')[2]}.{verb.__name__}"
        yield pytest.param(verb, None, id=name)


@pytest.mark.parametrize(("verb", "key"), list(cases()))
def test_what_no_verb_takes_is_refused_by_name(
    database: Database, verb: str | Callable[..., Any], key: str | None
) -> None:
    member = Member(database, now=JOINED)
    member.charge(1, JOINED)
    right = RIGHT | {
        "user_id": member.user_id,
        "subscription_id": member.id,
        "entry_id": member.ledger[-1].id,
        "grant_id": member.grant(2, JOINED).id,
        "hold_id": member.hold(2, JOINED, weeks=0),
        "key": key,
    }
    before = len(member.ledger)

    taken = [
        (argument, wrong)
        for argument in wanted_of(verb)
        for wrong in WRONG[argument]
        if not is_refused(database, verb, {**right, argument: wrong})
    ]

    assert taken == []
    assert len(member.ledger) == before
    assert member.parts == (9, 2, 1)
    assert_books_close(database)


def is_refused(database: Database, verb: str | Callable[..., Any], given: dict[str, Any]) -> bool:
    """Is it refused by name? Any other error passes, and fails the test."""
    arguments = {name: given[name] for name in wanted_of(verb) & given.keys()}
    try:
        if isinstance(verb, str):
            getattr(CreditDesk(database), verb)(**arguments)
        else:
            with database.transaction() as session:
                verb(session, **arguments)
    except CreditError:
        return True
    return False


def wanted_of(verb: str | Callable[..., Any]) -> set[str]:
    """The names of a verb's arguments."""
    function = getattr(CreditDesk, verb) if isinstance(verb, str) else verb
    return inspect.signature(function).parameters.keys() - {"self", "session"}


def test_every_verb_of_the_desk_is_asked() -> None:
    assert {"charge", "hold", "settle", "release", "extend", "grant", "refund"} <= {*OF_THE_DESK}
    assert len(OF_THE_DESK) >= 10
