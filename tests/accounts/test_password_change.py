import pytest
from sqlalchemy import select

from sketchmaker.accounts import password_change, sign_in
from sketchmaker.accounts.errors import (
    UnacceptablePassword,
    WrongCurrentPassword,
)
from sketchmaker.accounts.tables import User
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from sketchmaker.limits.errors import LimitReached
from tests.accounts.people import (
    ADDRESS,
    NEW_PASSWORD,
    PASSWORD,
    guess,
    registered,
    set_user,
    signed_in,
)
from tests.support.actors import SOMEBODY


def _change(database: Database, clock: ManualClock, *, current: str) -> int:
    with database.transaction() as session:
        pending = sign_in.begin_attempt(session, login="ada", address=ADDRESS, now=clock.now())
    new_hash = password_change.prepare(pending, current=current, new=NEW_PASSWORD)
    with database.transaction() as session:
        return password_change.change(
            session,
            pending,
            new_hash=new_hash,
            token="after the change",
            address=ADDRESS,
            user_agent="Test",
            now=clock.now(),
            by=SOMEBODY,
            reason="A test.",
        )


def test_a_new_password_ends_every_session_and_opens_one_with_a_new_token(
    database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    for token in ("phone", "library", "here"):
        guess(database, "ada", PASSWORD, now=clock.now(), token=token)
    assert _change(database, clock, current=PASSWORD) == 3
    assert signed_in(database, "after the change", now=clock.now())
    for token in ("phone", "library", "here"):
        assert signed_in(database, token, now=clock.now()) is None


def test_afterwards_only_the_new_password_opens_the_account(
    database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    _change(database, clock, current=PASSWORD)
    assert guess(database, "ada", PASSWORD, now=clock.now()) is None
    assert guess(database, "ada", NEW_PASSWORD, now=clock.now())
    with database.reading() as session:
        assert session.scalars(select(User)).one().password_changed_at == clock.now()


def test_without_the_current_password_nothing_changes(
    database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    guess(database, "ada", PASSWORD, now=clock.now(), token="t")
    with pytest.raises(WrongCurrentPassword):
        _change(database, clock, current=NEW_PASSWORD)
    assert signed_in(database, "t", now=clock.now())


def test_an_open_browser_is_no_way_to_try_passwords_without_end(
    database: Database, clock: ManualClock
) -> None:
    registered(database, "ada", now=clock.now())
    for _ in range(5):
        with pytest.raises(WrongCurrentPassword):
            _change(database, clock, current="not the password")
    with pytest.raises(LimitReached):
        _change(database, clock, current=PASSWORD)


def test_of_two_changes_at_once_the_second_is_refused(
    database: Database, clock: ManualClock
) -> None:
    user = registered(database, "ada", now=clock.now())
    with database.transaction() as session:
        pending = sign_in.begin_attempt(session, login="ada", address=ADDRESS, now=clock.now())
    new_hash = password_change.prepare(pending, current=PASSWORD, new=NEW_PASSWORD)
    set_user(database, user, password_hash="changed from elsewhere")
    with pytest.raises(WrongCurrentPassword), database.transaction() as session:
        password_change.change(
            session,
            pending,
            new_hash=new_hash,
            token="t",
            address=ADDRESS,
            user_agent="Test",
            now=clock.now(),
            by=SOMEBODY,
            reason="A test.",
        )


@pytest.mark.parametrize("new", [PASSWORD, "short", "password1234", "ada.lovelace"])
def test_a_new_password_that_is_the_old_one_or_easily_guessed_is_refused(new: str) -> None:
    with pytest.raises(UnacceptablePassword):
        password_change.check_new(
            current=PASSWORD, new=new, username="ada.lovelace", email="ada@example.org"
        )
