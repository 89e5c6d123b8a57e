from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select

from sketchmaker.accounts import sign_in
from sketchmaker.accounts.sign_in import KnownBrowser
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from sketchmaker.limits import uses
from sketchmaker.limits.errors import LimitReached
from sketchmaker.limits.tables import LimitUse
from tests.accounts.people import PASSWORD, guess, registered

WRONG = "not the password"


def _attempt(
    database: Database,
    login: str,
    clock: ManualClock,
    address: str = "10.0.0.1",
    browser: KnownBrowser | None = None,
) -> bool:
    """Whether a guess is let through to the check of its password (which is left out)."""
    try:
        with database.transaction() as session:
            sign_in.begin_attempt(
                session, login=login, address=address, now=clock.now(), browser=browser
            )
    except LimitReached:
        return False
    return True


def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(
    database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    for _ in range(5):
        assert guess(database, "ada", WRONG, now=clock.now()) is None
    with pytest.raises(LimitReached) as refused:
        guess(database, "ada", PASSWORD, now=clock.now())
    assert refused.value.retry_at == clock.now() + timedelta(minutes=1)
    assert "a minute" in str(refused.value)
    clock.set(refused.value.retry_at)
    assert guess(database, "ada", PASSWORD, now=clock.now())


def test_each_further_failure_doubles_the_wait_up_to_a_quarter_of_an_hour(
    database: Database, clock: ManualClock
) -> None:
    for _ in range(5):
        assert _attempt(database, "ada", clock)
    waits = []
    for _ in range(6):
        begun = clock.now()
        while not _attempt(database, "ada", clock):
            clock.advance(timedelta(seconds=30))
        waits.append((clock.now() - begun) / timedelta(minutes=1))
    assert waits == [1, 2, 4, 8, 15, 15]


def test_username_and_address_of_one_person_are_one_account(
    database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    for login in ("ada", "ADA", "ada@example.org", "ada", "Ada@example.org"):
        assert _attempt(database, login, clock)
    assert not _attempt(database, "ada@example.org", clock)


def test_a_login_that_nobody_has_is_throttled_like_one_that_exists(
    database: Database, clock: ManualClock
) -> None:
    assert [_attempt(database, "nobody", clock) for _ in range(7)] == [True] * 5 + [False] * 2


def test_one_account_under_attack_leaves_the_others_alone(
    database: Database, clock: ManualClock
) -> None:
    for _ in range(6):
        _attempt(database, "ada", clock, address="10.0.0.1")
    assert _attempt(database, "grace", clock, address="10.0.0.2")


def test_a_right_password_clears_the_account(database: Database, clock: ManualClock) -> None:
    registered(database, "ada", now=clock.now())
    for _ in range(4):
        guess(database, "ada", WRONG, now=clock.now())
    assert guess(database, "ada", PASSWORD, now=clock.now())
    assert [_attempt(database, "ada", clock) for _ in range(6)] == [True] * 5 + [False]


def test_guesses_from_elsewhere_do_not_keep_people_out_where_they_have_signed_in_before(
    database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    assert guess(database, "ada", PASSWORD, now=clock.now(), address="2001:db8:1:2::3")
    while _attempt(database, "ada", clock, address="10.6.6.6"):
        pass
    assert not _attempt(database, "ada", clock, address="10.6.6.7")
    at_home = [_attempt(database, "ada", clock, address="2001:db8:1:2::4") for _ in range(6)]
    assert at_home == [True] * 5 + [False]


def test_where_somebody_else_has_signed_in_is_nothing_to_an_account(
    database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    registered(database, "mallory", now=clock.now())
    assert guess(database, "mallory", PASSWORD, now=clock.now(), address="10.6.6.6")
    for _ in range(5):
        assert _attempt(database, "ada", clock, address="10.0.0.1")
    assert not _attempt(database, "ada", clock, address="10.6.6.6")


def test_one_address_that_tries_many_accounts_is_stopped_after_twenty(
    database: Database, clock: ManualClock
) -> None:
    let_through = [_attempt(database, f"user{number}", clock) for number in range(25)]
    assert let_through == [True] * 20 + [False] * 5
    assert _attempt(database, "user30", clock, address="10.0.0.2")


def test_an_own_account_does_not_buy_more_guesses_at_others(
    database: Database, clock: ManualClock
) -> None:
    registered(database, "mallory", now=clock.now())
    for number in range(19):
        assert _attempt(database, f"victim{number}", clock)
    guess(database, "mallory", PASSWORD, now=clock.now(), address="10.0.0.1")
    assert _attempt(database, "victim19", clock)
    assert not _attempt(database, "victim20", clock)


def test_all_addresses_of_one_ipv6_network_are_one(database: Database, clock: ManualClock) -> None:
    let_through = [
        _attempt(database, f"user{number}", clock, address=f"2001:db8:1:2::{number:x}")
        for number in range(21)
    ]
    assert let_through[-2:] == [True, False]
    assert _attempt(database, "another", clock, address="2001:db8:1:3::1")


def test_many_networks_of_one_ipv6_customer_are_stopped_after_a_hundred(
    database: Database, clock: ManualClock
) -> None:
    let_through = [
        _attempt(database, f"user{number}", clock, address=f"2001:db8:1:{number:x}::1")
        for number in range(102)
    ]
    assert let_through[-3:] == [True, False, False]
    assert _attempt(database, "another", clock, address="2001:db8:2::1")


def test_in_a_browser_they_know_owners_are_not_kept_out_by_guesses_from_anywhere(
    database: Database, clock: ManualClock
) -> None:
    ada = registered(database, "ada", now=clock.now())
    own = KnownBrowser(ada.id, "laptop")
    while _attempt(database, "ada", clock, address="10.6.6.6"):
        pass
    for number in range(30):
        _attempt(database, f"user{number}", clock, address="10.6.6.6")
    at_the_attackers = [
        _attempt(database, "ada", clock, address="10.6.6.6", browser=own) for _ in range(6)
    ]
    assert at_the_attackers == [True] * 5 + [False]


def test_a_browser_that_is_known_to_one_account_is_nothing_to_another(
    database: Database, clock: ManualClock
) -> None:
    ada = registered(database, "ada", now=clock.now())
    registered(database, "grace", now=clock.now())
    while _attempt(database, "grace", clock):
        pass
    adas = KnownBrowser(ada.id, "laptop")
    assert not _attempt(database, "grace", clock, address="10.0.0.2", browser=adas)


@pytest.mark.parametrize("address", ["::ffff:10.0.0.1", "10.0.0.1"])
def test_an_ipv4_address_is_the_same_in_its_ipv6_form(
    database: Database, clock: ManualClock, address: str
) -> None:
    _attempt(database, "ada", clock, address=address)
    with database.reading() as session:
        assert session.scalars(select(LimitUse.address)).one() == "10.0.0.1"


@pytest.mark.race
def test_twenty_guesses_in_parallel_get_no_more_than_five_checks(
    database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    all_ready = Barrier(20)

    def guess_at_once(number: int) -> bool:
        all_ready.wait(timeout=120)
        return _attempt(database, "ada", clock, address=f"10.0.1.{number}")

    with ThreadPoolExecutor(20) as pool:
        let_through = list(pool.map(guess_at_once, range(20)))
    assert sum(let_through) == 5


@pytest.mark.race
def test_an_address_that_guesses_in_parallel_gets_no_more_than_twenty_checks(
    database: Database, clock: ManualClock
) -> None:
    all_ready = Barrier(24)

    def guess_at_once(number: int) -> bool:
        all_ready.wait(timeout=120)
        return _attempt(database, f"user{number}", clock)

    with ThreadPoolExecutor(24) as pool:
        let_through = list(pool.map(guess_at_once, range(24)))
    assert sum(let_through) == 20


def test_a_clock_that_stood_far_ahead_locks_nobody_out(
    database: Database, clock: ManualClock
) -> None:
    present = clock.now()
    clock.advance(timedelta(days=400))
    for _ in range(6):
        _attempt(database, "ada", clock)
    clock.set(present)
    assert _attempt(database, "ada", clock)


def test_attempts_that_no_longer_count_are_forgotten_in_portions(
    database: Database, clock: ManualClock
) -> None:
    for number in range(3):
        _attempt(database, f"user{number}", clock)
    clock.advance(timedelta(hours=24, seconds=1))
    _attempt(database, "ada", clock)
    with database.transaction() as session:
        assert uses.forget_old_uses(session, now=clock.now(), limit=2) == 2
    with database.transaction() as session:
        assert uses.forget_old_uses(session, now=clock.now()) == 1
        assert session.scalar(select(func.count()).select_from(LimitUse)) == 1
