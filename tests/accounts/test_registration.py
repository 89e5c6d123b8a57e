from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from sketchmaker.accounts import registration
from sketchmaker.accounts.errors import EmailTaken, InvalidRegistration, UsernameTaken
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from tests.accounts.people import PASSWORD, registered


def _count(database: Database) -> int | None:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(User))


def test_an_account_keeps_what_was_typed_but_never_the_password(
    database: Database, clock: ManualClock
) -> None:
    prepared = registration.prepare(
        username=" Ada ", email="Ada@Example.org", password=PASSWORD, time_zone="Europe/London"
    )
    with database.transaction() as session:
        registration.register(session, prepared, now=clock.now())
    with database.reading() as session:
        user = session.scalars(select(User)).one()
    assert (user.username, user.email) == ("Ada", "Ada@example.org")
    assert (user.role, user.time_zone, user.is_active) == (Role.USER, "Europe/London", True)
    assert user.created_at == user.password_changed_at == clock.now()
    assert PASSWORD not in repr(vars(user)) + repr(prepared)
    assert user.password_hash not in repr(prepared)


def test_every_field_that_is_wrong_gets_its_own_sentence() -> None:
    with pytest.raises(InvalidRegistration) as refused:
        registration.prepare(username="a b", email="nowhere", password="short")
    assert set(refused.value.problems) == {"username", "email", "password"}
    assert all(problem.endswith(".") for problem in refused.value.problems.values())


def test_a_time_zone_the_browser_made_up_becomes_utc() -> None:
    prepared = registration.prepare(
        username="ada", email="ada@example.org", password=PASSWORD, time_zone="Mars/Olympus"
    )
    assert prepared.time_zone == "UTC"


def test_a_username_is_taken_in_whatever_capitals(database: Database, clock: ManualClock) -> None:
    registered(database, "ada", now=clock.now())
    other = registration.prepare(username="ADA", email="other@example.org", password=PASSWORD)
    with pytest.raises(UsernameTaken), database.transaction() as session:
        registration.register(session, other, now=clock.now())
    assert _count(database) == 1


def test_an_address_is_taken_in_whatever_capitals(database: Database, clock: ManualClock) -> None:
    registered(database, "ada", now=clock.now())
    other = registration.prepare(username="other", email="ADA@example.ORG", password=PASSWORD)
    with pytest.raises(EmailTaken), database.transaction() as session:
        registration.register(session, other, now=clock.now())
    assert _count(database) == 1


@pytest.mark.race
@pytest.mark.parametrize(
    ("names", "refusal"), [(["ada", "ADA"], UsernameTaken), (["ada", "grace"], EmailTaken)]
)
def test_of_two_who_register_the_same_name_at_once_one_wins(
    database: Database, clock: ManualClock, names: list[str], refusal: type[Exception]
) -> None:
    same_username = refusal is UsernameTaken
    both_checked = Barrier(2)

    def register(name: str) -> bool:
        email = f"{name}-{names.index(name)}@example.org" if same_username else "us@example.org"
        prepared = registration.prepare(username=name, email=email, password=PASSWORD)
        both_checked.wait(timeout=120)
        try:
            with database.transaction() as session:
                registration.register(session, prepared, now=clock.now())
        except refusal:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(register, names)) == [False, True]
    assert _count(database) == 1


@pytest.mark.race
def test_the_loser_who_saw_the_name_free_is_told_that_it_is_taken(
    postgres_database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look before either writes: only the unique key is left to decide."""
    both_looked = Barrier(2)
    look = registration._refuse_taken
    looks: list[str] = []

    def look_and_wait(*arguments: object) -> None:
        look(*arguments)  # type: ignore[arg-type]
        looks.append("looked")
        both_looked.wait(timeout=120)

    monkeypatch.setattr(registration, "_refuse_taken", look_and_wait)
    prepared = registration.prepare(username="ada", email="ada@example.org", password=PASSWORD)

    def register(_: int) -> str:
        try:
            with postgres_database.transaction() as session:
                registration.register(session, prepared, now=clock.now())
        except UsernameTaken:
            return "taken"
        return "registered"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(register, range(2))) == ["registered", "taken"]
    assert len(looks) == 2
    assert _count(postgres_database) == 1


def test_a_taken_name_tells_nothing_of_the_address_beside_it(
    database: Database, clock: ManualClock
) -> None:
    for name in ("mallory", "ada"):
        registered(database, name, now=clock.now())
    for email in ("ada@example.org", "mallory@example.org", "nobody@example.org"):
        probe = registration.prepare(username="mallory", email=email, password=PASSWORD)
        with pytest.raises(UsernameTaken), database.transaction() as session:
            registration.register(session, probe, now=clock.now())


def test_a_reserved_name_is_told_as_taken(database: Database) -> None:
    application = registration.read(
        username="root", email="eve@example.org", password=PASSWORD, time_zone="UTC"
    )
    with database.reading() as session:
        looked_up = registration.with_name_looked_up(session, application)
    assert "is taken" in looked_up.problems["username"]
