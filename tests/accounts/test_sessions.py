from datetime import timedelta

import pytest
from sqlalchemy import select

from sketchmaker.accounts import sessions
from sketchmaker.accounts.errors import SignInSessionNotFound
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import SignInSession, User
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from tests.accounts.people import ADDRESS, registered, set_user, signed_in


@pytest.fixture
def ada(database: Database, clock: ManualClock) -> User:
    return registered(database, "ada", now=clock.now())


def _open(
    database: Database, clock: ManualClock, user: User, token: str, user_agent: str = "Test"
) -> SignInSession:
    with database.transaction() as session:
        return sessions.start(
            session,
            user_id=user.id,
            token=token,
            address=ADDRESS,
            user_agent=user_agent,
            now=clock.now(),
        )


def _touch(database: Database, clock: ManualClock, token: str) -> None:
    found = signed_in(database, token, now=clock.now())
    assert found is not None
    with database.transaction() as session:
        sessions.touch(session, found, now=clock.now())


def test_a_token_finds_its_person_and_is_not_in_the_database(
    database: Database, clock: ManualClock, ada: User
) -> None:
    _open(database, clock, ada, "secret-token")
    found = signed_in(database, "secret-token", now=clock.now())
    assert found is not None
    assert found.user.id == ada.id
    assert signed_in(database, "another", now=clock.now()) is None
    with database.reading() as session:
        row = session.execute(select(SignInSession.__table__)).one()
    assert "secret-token" not in repr(row)


def test_a_session_ends_after_thirty_days_without_a_visit(
    database: Database, clock: ManualClock, ada: User
) -> None:
    _open(database, clock, ada, "t")
    clock.advance(timedelta(days=30) - timedelta(seconds=1))
    assert signed_in(database, "t", now=clock.now())
    clock.advance(timedelta(seconds=1))
    assert signed_in(database, "t", now=clock.now()) is None


def test_a_visit_makes_a_session_last_longer_but_not_for_ever(
    database: Database, clock: ManualClock, ada: User
) -> None:
    _open(database, clock, ada, "t")
    for _ in range(8):
        clock.advance(timedelta(days=20))
        _touch(database, clock, "t")
    clock.advance(timedelta(days=20) - timedelta(seconds=1))
    assert signed_in(database, "t", now=clock.now())
    clock.advance(timedelta(seconds=1))
    assert signed_in(database, "t", now=clock.now()) is None


def test_last_seen_is_written_at_most_every_five_minutes(
    database: Database, clock: ManualClock, ada: User
) -> None:
    _open(database, clock, ada, "t")
    clock.advance(timedelta(minutes=4, seconds=59))
    found = signed_in(database, "t", now=clock.now())
    assert found is not None
    assert not found.is_touch_due(clock.now())
    clock.advance(timedelta(seconds=1))
    assert found.is_touch_due(clock.now())
    _touch(database, clock, "t")
    found = signed_in(database, "t", now=clock.now())
    assert found is not None
    assert not found.is_touch_due(clock.now())


def test_the_sessions_of_a_deactivated_person_are_dead_at_once(
    database: Database, clock: ManualClock, ada: User
) -> None:
    _open(database, clock, ada, "t")
    set_user(database, ada, is_active=False)
    assert signed_in(database, "t", now=clock.now()) is None


def test_a_new_role_is_there_at_the_next_look(
    database: Database, clock: ManualClock, ada: User
) -> None:
    _open(database, clock, ada, "t")
    set_user(database, ada, role=Role.ADMIN)
    found = signed_in(database, "t", now=clock.now())
    assert found is not None
    assert found.user.role.at_least(Role.ADMIN)


def test_one_session_is_ended_and_the_others_stay(
    database: Database, clock: ManualClock, ada: User
) -> None:
    gone = _open(database, clock, ada, "gone")
    _open(database, clock, ada, "stays")
    with database.transaction() as session:
        sessions.revoke(session, user_id=ada.id, session_id=gone.id, now=clock.now())
    assert signed_in(database, "gone", now=clock.now()) is None
    assert signed_in(database, "stays", now=clock.now())


def test_nobody_ends_the_session_of_somebody_else(
    database: Database, clock: ManualClock, ada: User
) -> None:
    theirs = _open(database, clock, ada, "t")
    grace = registered(database, "grace", now=clock.now())
    with pytest.raises(SignInSessionNotFound), database.transaction() as session:
        sessions.revoke(session, user_id=grace.id, session_id=theirs.id, now=clock.now())
    with database.transaction() as session:
        assert not sessions.revoke_others(
            session, user_id=grace.id, keep_session_id=None, now=clock.now()
        )
    assert signed_in(database, "t", now=clock.now())


def test_all_other_sessions_are_ended_at_once(
    database: Database, clock: ManualClock, ada: User
) -> None:
    kept = _open(database, clock, ada, "kept")
    for token in ("a", "b"):
        _open(database, clock, ada, token)
    with database.transaction() as session:
        ended = sessions.revoke_others(
            session, user_id=ada.id, keep_session_id=kept.id, now=clock.now()
        )
    assert ended == 2
    with database.reading() as session:
        assert [row.id for row in sessions.list_open(session, ada.id, now=clock.now())] == [kept.id]


def test_an_ended_session_is_not_brought_back_by_a_late_visit(
    database: Database, clock: ManualClock, ada: User
) -> None:
    opened = _open(database, clock, ada, "t")
    found = signed_in(database, "t", now=clock.now())
    assert found is not None
    with database.transaction() as session:
        sessions.revoke(session, user_id=ada.id, session_id=opened.id, now=clock.now())
    with database.transaction() as session:
        sessions.touch(session, found, now=clock.now())
    assert signed_in(database, "t", now=clock.now()) is None


def test_a_browser_that_says_strange_things_of_itself_is_noted_harmlessly(
    database: Database, clock: ManualClock, ada: User
) -> None:
    opened = _open(database, clock, ada, "t", user_agent="Fire\0fox\r\n" + "x" * 1000)
    assert opened.user_agent.startswith("Firefoxx")
    assert len(opened.user_agent) == 300


def test_sessions_long_over_are_forgotten_in_portions(
    database: Database, clock: ManualClock, ada: User
) -> None:
    for token in ("a", "b", "c"):
        _open(database, clock, ada, token)
    clock.advance(timedelta(days=60, seconds=1))
    _open(database, clock, ada, "d")
    with database.transaction() as session:
        assert sessions.forget_ended(session, now=clock.now(), limit=2) == 2
    with database.transaction() as session:
        assert sessions.forget_ended(session, now=clock.now()) == 1
    assert signed_in(database, "d", now=clock.now())


def test_the_twenty_first_session_ends_the_one_that_was_not_seen_for_longest(
    database: Database, clock: ManualClock
) -> None:
    ada = registered(database, "ada", now=clock.now())
    grace = registered(database, "grace", now=clock.now())
    for user, number in [(grace, 99), *((ada, number) for number in range(21))]:
        clock.advance(timedelta(seconds=1))
        with database.transaction() as session:
            sessions.start(
                session,
                user_id=user.id,
                token=f"token {number}",
                address="",
                user_agent="",
                now=clock.now(),
            )
    assert signed_in(database, "token 0", now=clock.now()) is None
    assert signed_in(database, "token 1", now=clock.now())
    assert signed_in(database, "token 99", now=clock.now())
    with database.reading() as session:
        assert len(sessions.list_open(session, ada.id, now=clock.now())) == 20
