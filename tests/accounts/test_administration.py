"""Roles and switching off; somebody stays superadmin, also when two go at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy.orm import Session

from sketchmaker.accounts import administration, deletion, directory
from sketchmaker.accounts.errors import LastSuperadmin, UserNotFound
from sketchmaker.accounts.roles import Role
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from tests.accounts.people import registered
from tests.support.actors import SOMEBODY

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def _demote(session: Session, user_id: int) -> None:
    administration.set_role(
        session, user_id=user_id, role=Role.USER, now=NOW, by=SOMEBODY, reason="A test."
    )


def _deactivate(session: Session, user_id: int) -> None:
    administration.set_active(
        session, user_id=user_id, is_active=False, now=NOW, by=SOMEBODY, reason="A test."
    )


@pytest.mark.race
@pytest.mark.parametrize("going", [_demote, _deactivate])
def test_of_two_last_superadmins_who_go_at_once_one_stays(
    database: Database, clock: ManualClock, going: Callable[[Session, int], None]
) -> None:
    people = [
        registered(database, name, now=clock.now(), role=Role.SUPERADMIN).id
        for name in ("grace", "mary")
    ]
    both_ready = Barrier(2)

    def go(user_id: int) -> bool:
        both_ready.wait(timeout=120)
        try:
            with database.transaction() as session:
                going(session, user_id)
        except LastSuperadmin:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(go, people)) == [False, True]
    with database.reading() as session:
        assert directory.superadmin_exists(session)


def test_who_has_left_can_be_given_no_role(database: Database, clock: ManualClock) -> None:
    ada = registered(database, "ada", now=clock.now())
    with database.transaction() as session:
        deletion.pseudonymise(session, user_id=ada.id, now=NOW, by=SOMEBODY, reason="A test.")
    with pytest.raises(UserNotFound), database.transaction() as session:
        administration.set_active(
            session, user_id=ada.id, is_active=True, now=NOW, by=SOMEBODY, reason="A test."
        )


@pytest.mark.parametrize(
    ("role", "other", "may"),
    [
        (Role.ADMIN, Role.USER, True),
        (Role.ADMIN, Role.ADMIN, False),
        (Role.ADMIN, Role.SUPERADMIN, False),
        (Role.SUPERADMIN, Role.SUPERADMIN, True),
        (Role.USER, Role.USER, False),
    ],
)
def test_admins_decide_about_users_and_superadmins_about_all(
    *, role: Role, other: Role, may: bool
) -> None:
    assert administration.may_decide_about(role, other) is may
