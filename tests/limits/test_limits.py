"""Limits count in the database, for all processes together, and say when to come back."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select

from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from sketchmaker.limits import uses
from sketchmaker.limits.errors import LimitReached, in_words
from sketchmaker.limits.networks import address_of, network_of
from sketchmaker.limits.rules import DECLARED, LONGEST_PERIOD, Action, By
from sketchmaker.limits.setting import in_force, limits_from
from sketchmaker.limits.tables import LimitUse
from sketchmaker.limits.uses import Limits, Who
from sketchmaker.settings import SettingsError


def _take(
    database: Database, action: Action, who: Who, now: datetime, limits: Limits | None = None
) -> LimitReached | None:
    """Use it once; what refused it, or None."""
    try:
        with database.transaction() as session:
            (limits or Limits()).take(session, action, who, now=now)
    except LimitReached as refused:
        return refused
    return None


def _newcomer(number: int, address: str) -> Who:
    return Who(account=f"mailbox {number}", address=address)


def test_twenty_sign_ups_an_hour_from_one_address_and_the_next_when_the_first_is_an_hour_ago(
    database: Database, clock: ManualClock
) -> None:
    begun = clock.now()
    for number in range(20):
        assert not _take(database, Action.SIGN_UP, _newcomer(number, "10.0.0.1"), clock.now())
        clock.advance(timedelta(minutes=1))
    refused = _take(database, Action.SIGN_UP, _newcomer(21, "10.0.0.1"), clock.now())
    assert refused is not None
    assert (refused.action, refused.by) == (Action.SIGN_UP, By.ADDRESS)
    assert refused.retry_at == begun + timedelta(hours=1)
    assert "from your network. Try again in 40 minutes." in str(refused)
    clock.set(refused.retry_at)
    assert not _take(database, Action.SIGN_UP, _newcomer(22, "10.0.0.1"), clock.now())


def test_one_address_at_its_limit_leaves_the_others_alone(
    database: Database, clock: ManualClock
) -> None:
    for number in range(21):
        _take(database, Action.SIGN_UP, _newcomer(number, "10.0.0.1"), clock.now())
    assert not _take(database, Action.SIGN_UP, _newcomer(22, "10.0.0.2"), clock.now())


def test_a_hundred_sign_ups_an_hour_are_the_most_in_all(
    database: Database, clock: ManualClock
) -> None:
    for number in range(100):
        who = _newcomer(number, f"10.0.1.{number}")
        assert not _take(database, Action.SIGN_UP, who, clock.now())
    refused = _take(database, Action.SIGN_UP, _newcomer(101, "10.0.2.1"), clock.now())
    assert refused is not None and refused.by == By.ALL


def test_of_several_limits_that_are_reached_the_longest_wait_is_told(
    database: Database, clock: ManualClock
) -> None:
    who = _newcomer(1, "10.0.0.1")
    for _ in range(2):
        assert not _take(database, Action.SIGN_UP, who, clock.now())
    for number in range(2, 20):
        _take(database, Action.SIGN_UP, _newcomer(number, "10.0.0.1"), clock.now())
    refused = _take(database, Action.SIGN_UP, who, clock.now())
    assert refused is not None and refused.by == By.ACCOUNT
    assert "Try again in a day." in str(refused) or "24 hours" in str(refused)


@pytest.mark.race
def test_thirty_uses_at_once_are_counted_one_after_the_other(
    database: Database, clock: ManualClock
) -> None:
    all_ready = Barrier(30)

    def use(number: int) -> bool:
        all_ready.wait(timeout=120)
        who = _newcomer(number, "10.0.0.1")
        return _take(database, Action.SIGN_UP, who, clock.now()) is None

    with ThreadPoolExecutor(30) as pool:
        assert sum(pool.map(use, range(30))) == 20


def test_a_use_that_is_refused_is_not_counted(database: Database, clock: ManualClock) -> None:
    for number in range(24):
        _take(database, Action.SIGN_UP, _newcomer(number, "10.0.0.1"), clock.now())
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(LimitUse)) == 20


def test_a_clock_that_stood_far_ahead_keeps_nobody_out(
    database: Database, clock: ManualClock
) -> None:
    ahead = clock.now() + timedelta(days=400)
    for number in range(20):
        _take(database, Action.SIGN_UP, _newcomer(number, "10.0.0.1"), ahead)
    assert not _take(database, Action.SIGN_UP, _newcomer(21, "10.0.0.1"), clock.now())


def test_what_an_account_did_can_be_forgotten(database: Database, clock: ManualClock) -> None:
    account = uses.account_of(7)
    _take(database, Action.GENERATE, Who(account=account), clock.now())
    with database.transaction() as session:
        uses.forget_account(session, account)
        assert session.scalar(select(func.count()).select_from(LimitUse)) == 0


@pytest.mark.parametrize(
    ("typed", "address", "network"),
    [
        ("203.0.113.7", "203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("", "unknown", "unknown"),
        ("@junk", "unknown", "unknown"),
    ],
)
def test_ipv6_counts_by_64_and_more_loosely_by_48(typed: str, address: str, network: str) -> None:
    assert (address_of(typed), network_of(typed)) == (address, network)


def test_every_limit_has_a_name_of_its_own_and_looks_back_no_further_than_uses_are_kept() -> None:
    assert len({limit.name for limit in DECLARED}) == len(DECLARED)
    assert max(limit.period for limit in DECLARED) <= LONGEST_PERIOD
    assert all(limit.name.partition("/")[0] == limit.action for limit in DECLARED)


def test_the_setting_changes_the_limits_it_names_and_no_other() -> None:
    changed = limits_from(" sign-up/address=7/day, generate/account = off ").table
    by_name = {limit.name: limit for limit in changed}
    declared = {limit.name: limit for limit in DECLARED}
    assert declared.keys() - by_name.keys() == {"generate/account"}
    assert by_name["sign-up/address"] == replace(
        declared["sign-up/address"], uses=7, period=timedelta(days=1)
    )
    assert limits_from("") == Limits(DECLARED)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("sign-up=5/hour", "write a limit as sign-up/address=20/hour"),
        ("sign-up/address=5 per hour", "can't be understood"),
        ("sign-up/address=5/week", "can't be understood"),
        ("sign-up/address=0/hour", "from 1 to 1,000,000"),
        ("sign-up/adress=5/hour", "Did you mean sign-up/address?"),
        ("generate/address=5/hour", "is no limit"),
    ],
)
def test_a_wrong_limit_is_refused_with_what_to_write(written: str, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        limits_from(written)
    assert told in str(refused.value)
    assert str(refused.value).startswith("SKETCHMAKER_LIMITS")


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(minutes=1), "a minute"),
        (timedelta(hours=1), "an hour"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(days=1), "a day"),
        (timedelta(seconds=30), "30 seconds"),
    ],
)
def test_a_span_is_told_in_its_largest_unit(span: timedelta, words: str) -> None:
    assert in_words(span) == words


def test_the_limits_in_force_are_told_as_the_setting_is_written() -> None:
    told = in_force(limits_from("sign-up/address=20/day"))
    assert "sign-up/address=20/day" in told
    assert limits_from(told) == limits_from("sign-up/address=20/day")
