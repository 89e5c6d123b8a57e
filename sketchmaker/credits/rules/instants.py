"""The engine's door: what verbs are given is looked at before anything is read or written.

Instants come aware, of any zone, and are taken as UTC from there on: Python adds to a datetime, and
compares two of one zone, by the wall clock, which is wrong by an hour when clocks change. Numbers
of rows are such as a row can have, and text is such as both databases can keep: else PostgreSQL
would refuse in words of its own what SQLite takes.
"""

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial, wraps
from typing import Any, Final, ParamSpec, TypeVar

from sketchmaker.credits.rules.amounts import checked_plan_name, checked_sentence
from sketchmaker.credits.rules.errors import InvalidInstant
from sketchmaker.credits.rules.invalid_input import InvalidId
from sketchmaker.record.actor import Actor

P = ParamSpec("P")
R = TypeVar("R")

EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
"""A year of room at both ends of the calendar for cycles, lifetimes and zones."""

FOUR_BYTES: Final = 2**31 - 1
EIGHT_BYTES: Final = 2**63 - 1


def in_utc(verb: Callable[P, R]) -> Callable[P, R]:
    """Let a verb be called with times of any zone, and refuse what it can't be called with.

    Every public function of the engine with a `now` has it. An argument may be None when that is
    its default.

    Raises:
        InvalidInstant: a time is naive, or not of the years 2 to 9998.
        InvalidId: the number of a row is none that a row can have.
        UnknownPlan, InvalidReason: the text is none, or can't be stored.
    """
    checks = list(_checks_of(verb))

    @wraps(verb)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, position, check in checks:
            if name in kwargs:
                kwargs[name] = check(kwargs[name])
            elif position < len(args):
                check(args[position])
        return verb(*args, **kwargs)

    return checked


def checked_instant(moment: object) -> datetime:
    """Give back the same instant in UTC.

    Raises:
        InvalidInstant: it is naive, or not of the years 2 to 9998.
    """
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise InvalidInstant(moment)
    if not EARLIEST <= moment < LATEST:
        raise InvalidInstant(moment)
    return moment.astimezone(UTC)


def checked_id(number: object, *, of: str, highest: int = FOUR_BYTES) -> int:
    """Give back the number of a row, when a row can have it; `of` says of which kind.

    Raises:
        InvalidId: not a whole number from 1 to the highest; True is not 1 and "5" is not 5.
    """
    if type(number) is not int or not 1 <= number <= highest:
        raise InvalidId(number, of, highest)
    return number


def _unless_none(check: Callable[[Any], Any], value: object) -> object:
    return None if value is None else check(value)


_of_account: Final = partial(checked_id, of="an account")
_of_author: Final = partial(_unless_none, _of_account)
"""Of whoever did it: None for nobody."""


def _of_actor(by: Actor) -> Actor:
    _of_author(by.account_id)
    return by


# Times first: a time that is unusable is told before anything else.
_CHECKS: Final[dict[str, Callable[[Any], Any]]] = {
    "now": checked_instant,
    "at": checked_instant,
    "until": checked_instant,
    "expires_at": checked_instant,
    "user_id": _of_account,
    "by": _of_actor,
    "subscription_id": partial(checked_id, of="a subscription"),
    "grant_id": partial(checked_id, of="a grant"),
    "hold_id": partial(checked_id, of="a hold", highest=EIGHT_BYTES),
    "entry_id": partial(checked_id, of="a row of the ledger", highest=EIGHT_BYTES),
    "plan_name": checked_plan_name,
    "reason": checked_sentence,
}


def _checks_of(verb: Callable[..., Any]) -> Iterator[tuple[str, int, Callable[[Any], Any]]]:
    """What is checked of a verb's arguments: name, position, and how."""
    parameters = inspect.signature(verb).parameters
    positions = {name: position for position, name in enumerate(parameters)}
    for name, check in _CHECKS.items():
        if name in parameters:
            may_be_none = parameters[name].default is None
            yield name, positions[name], partial(_unless_none, check) if may_be_none else check
