"""Times at the engine's door: of any zone they are taken right, unusable ones are refused."""

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sketchmaker import credits
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import forced_resets, granting, subscriptions
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rows import plans
from sketchmaker.credits.rules.errors import AllowanceLimit, InvalidGrant, InvalidInstant
from sketchmaker.credits.spending import holds
from sketchmaker.database import Database
from tests.support.actors import SOMEBODY
from tests.support.people import add_user, assert_books_close, subscriber

BERLIN = ZoneInfo("Europe/Berlin")
JOINED = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
UNUSABLE = [
    datetime(2026, 1, 15, 12, 0),  # noqa: DTZ001 - naive on purpose
    datetime(9999, 12, 31, 12, 0, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    "2026-01-15",
]


def verbs() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function and method of the engine that has a `now`."""
    for module in pkgutil.walk_packages(credits.__path__, "sketchmaker.credits."):
        holders: list[Any] = [import_module(module.name), *classes_of(module.name)]
        for holder in holders:
            for name, verb in vars(holder).items():
                if is_verb(name, verb) and verb.__module__ == module.name:
                    yield f"{holder.__name__}.{name}", verb


def classes_of(module: str) -> list[type]:
    return [
        kind
        for name, kind in vars(import_module(module)).items()
        if isinstance(kind, type) and kind.__module__ == module and not name.startswith("_")
    ]


def is_verb(name: str, verb: object) -> bool:
    if name.startswith("_") or not inspect.isfunction(verb):
        return False
    now = inspect.signature(verb).parameters.get("now")
    return now is not None and now.kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize("verb", [pytest.param(verb, id=name) for name, verb in verbs()])
def test_every_verb_refuses_unusable_times_before_anything_else(verb: Callable[..., Any]) -> None:
    parameters = inspect.signature(verb).parameters
    for argument in {"now", "at", "until", "expires_at"} & parameters.keys():
        for moment in UNUSABLE:
            given = dict.fromkeys(parameters) | {"now": JOINED, argument: moment}
            with pytest.raises(InvalidInstant):
                verb(**given)


def test_the_walk_finds_the_verbs() -> None:
    found = {name for name, _ in verbs()}

    assert len(found) > 60
    assert {"CreditDesk.charge", "sketchmaker.credits.managing.rescheduling.reschedule"} <= found


def test_a_hold_lives_its_time_while_clocks_change(database: Database) -> None:
    person = subscriber(database, now=JOINED)
    desk = CreditDesk(database)
    autumn = datetime(2026, 10, 25, 2, 30, fold=0, tzinfo=BERLIN)
    spring = datetime(2026, 3, 29, 1, 59, tzinfo=BERLIN)
    spend: dict[str, Any] = {"user_id": person.user_id, "credits": 1, "action": "images"}

    late = desk.hold(now=spring, lifetime=2 * HOUR, **spend)
    assert late.expires_at - spring.astimezone(UTC) == 2 * HOUR
    assert late.expires_at.tzinfo is UTC
    twice = desk.hold(now=autumn, **spend)
    assert twice.expires_at - autumn.astimezone(UTC) == HOUR

    with database.transaction() as session:
        soon = datetime(2026, 10, 25, 2, 15, fold=1, tzinfo=BERLIN)
        holds.extend(session, hold_id=twice.id, until=soon + HOUR, now=autumn)
    assert_books_close(database)


def test_a_grant_that_expired_an_hour_ago_by_the_same_clock_is_refused(database: Database) -> None:
    person = subscriber(database, now=JOINED)
    now = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)
    earlier = datetime(2026, 10, 25, 2, 45, fold=0, tzinfo=BERLIN)

    with pytest.raises(InvalidGrant, match="has passed"), database.transaction() as session:
        granting.grant(
            session,
            user_id=person.user_id,
            credits=1,
            kind="admin",
            reason="For you.",
            now=now,
            expires_at=earlier,
            by=SOMEBODY,
        )


def test_twenty_four_hours_are_that_also_on_the_longest_day(database: Database) -> None:
    person = subscriber(database, now=JOINED)
    noon = datetime(2026, 10, 24, 12, 0, tzinfo=BERLIN)

    def force(now: datetime) -> None:
        with database.transaction() as session:
            forced_resets.force_reset(
                session, subscription_id=person.id, now=now, by=SOMEBODY, reason="A test."
            )

    force(noon)
    force(noon)
    # In Berlin the next noon is 25 hours later.
    with pytest.raises(AllowanceLimit), database.transaction() as session:
        guard.check_by_hand(session, person.id, now=datetime(2026, 10, 25, 10, 59, tzinfo=BERLIN))
    force(datetime(2026, 10, 25, 11, 30, tzinfo=BERLIN))


def test_the_last_years_of_the_calendar_begin_no_subscription(database: Database) -> None:
    with database.transaction() as session:
        plans.ensure_default_plans(session, now=JOINED, by=SOMEBODY, reason="A test.")
        user = add_user(session, now=JOINED)
        for moment in UNUSABLE:
            with pytest.raises(InvalidInstant):
                subscriptions.start(
                    session,
                    user_id=user.id,
                    now=moment,  # type: ignore[arg-type]
                    by=SOMEBODY,
                    reason="A test.",
                )
        subscriptions.start(
            session,
            user_id=user.id,
            now=datetime(9998, 12, 31, 23, 59, tzinfo=UTC),
            by=SOMEBODY,
            reason="A test.",
        )
