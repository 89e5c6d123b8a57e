from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from sketchmaker.accounts import passwords, sign_in
from sketchmaker.accounts.errors import AccountDeactivated, WrongCredentials
from sketchmaker.accounts.tables import User
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from sketchmaker.limits.tables import LimitUse
from tests.accounts.people import (
    ADDRESS,
    NEW_PASSWORD,
    PASSWORD,
    guess,
    registered,
    set_user,
    signed_in,
)


@pytest.mark.parametrize("login", ["ada", " ADA ", "Ada@Example.org"])
def test_people_sign_in_by_username_or_address(
    database: Database, clock: ManualClock, login: str
) -> None:
    user = registered(database, "ada", now=clock.now())
    assert guess(database, login, PASSWORD, now=clock.now(), token="t")
    found = signed_in(database, "t", now=clock.now())
    assert found is not None
    assert found.user.id == user.id


@pytest.mark.parametrize("login", ["ada", "nobody", "nobody@example.org", "", "\0", "x" * 5000])
def test_a_wrong_password_and_an_unknown_login_are_answered_alike(
    database: Database, clock: ManualClock, login: str
) -> None:
    registered(database, "ada", now=clock.now())
    assert guess(database, login, NEW_PASSWORD, now=clock.now()) is None


def test_an_unknown_login_costs_the_time_of_a_hash(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    monkeypatch.setattr(passwords, "_HASHER", _Listening(passwords._HASHER, verified))
    guess(database, "nobody", PASSWORD, now=clock.now())
    assert len(verified) == 1
    assert verified[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


class _Listening:
    def __init__(self, hasher: PasswordHasher, verified: list[str]) -> None:
        self._hasher, self._verified = hasher, verified
        self.hash = hasher.hash

    def verify(self, kept: str, password: str) -> bool:
        self._verified.append(kept)
        return self._hasher.verify(kept, password)


def test_only_a_hash_of_what_was_typed_as_login_is_written_down(
    database: Database, clock: ManualClock
) -> None:
    guess(database, "my password in the wrong field", PASSWORD, now=clock.now())
    with database.reading() as session:
        account = session.scalars(select(LimitUse.account)).one()
    assert account is not None
    assert "password" not in account
    assert len(account) == 64


def test_a_deactivated_person_is_told_so_but_only_with_the_right_password(
    database: Database, clock: ManualClock
) -> None:
    user = registered(database, "ada", now=clock.now())
    set_user(database, user, is_active=False)
    assert guess(database, "ada", NEW_PASSWORD, now=clock.now()) is None
    with pytest.raises(AccountDeactivated):
        guess(database, "ada", PASSWORD, now=clock.now())


def test_a_password_changed_while_it_was_checked_opens_nothing(
    database: Database, clock: ManualClock
) -> None:
    user = registered(database, "ada", now=clock.now())
    with database.transaction() as session:
        pending = sign_in.begin_attempt(session, login="ada", address=ADDRESS, now=clock.now())
    assert sign_in.verify(pending, PASSWORD)
    set_user(database, user, password_hash=passwords.hash_password(NEW_PASSWORD))
    with pytest.raises(WrongCredentials), database.transaction() as session:
        sign_in.complete(
            session, pending, token="t", address=ADDRESS, user_agent="", now=clock.now()
        )
    assert signed_in(database, "t", now=clock.now()) is None


def test_an_attempt_for_nobody_can_never_be_completed(
    database: Database, clock: ManualClock
) -> None:
    with database.transaction() as session:
        pending = sign_in.begin_attempt(session, login="nobody", address=ADDRESS, now=clock.now())
    with pytest.raises(WrongCredentials), database.transaction() as session:
        sign_in.complete(
            session, pending, token="t", address=ADDRESS, user_agent="", now=clock.now()
        )


def test_an_outdated_hash_is_made_anew_at_sign_in(database: Database, clock: ManualClock) -> None:
    user = registered(database, "ada", now=clock.now())
    cheap = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    set_user(database, user, password_hash=cheap)
    with database.transaction() as session:
        pending = sign_in.begin_attempt(session, login="ada", address=ADDRESS, now=clock.now())
    new_hash = sign_in.fresh_hash(pending, PASSWORD)
    with database.transaction() as session:
        sign_in.complete(
            session,
            pending,
            token="t",
            address=ADDRESS,
            user_agent="",
            now=clock.now(),
            new_hash=new_hash,
        )
    with database.reading() as session:
        kept = session.scalars(select(User.password_hash)).one()
    assert kept == new_hash
    assert not passwords.is_outdated(kept)
    clock.advance(timedelta(minutes=1))
    assert guess(database, "ada", PASSWORD, now=clock.now(), token="again")
