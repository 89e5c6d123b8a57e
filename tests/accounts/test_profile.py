import pytest
from sqlalchemy import select

from sketchmaker.accounts import directory, profile
from sketchmaker.accounts.errors import UnknownTimeZone
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from tests.accounts.people import registered, set_user


def test_a_person_chooses_the_time_zone_of_their_dates(
    database: Database, clock: ManualClock
) -> None:
    ada = registered(database, "ada", now=clock.now())
    with database.transaction() as session:
        profile.set_time_zone(session, user_id=ada.id, time_zone="Asia/Tokyo")
    with database.reading() as session:
        assert session.scalars(select(User.time_zone)).one() == "Asia/Tokyo"


def test_a_time_zone_that_does_not_exist_is_refused(database: Database, clock: ManualClock) -> None:
    ada = registered(database, "ada", now=clock.now())
    with pytest.raises(UnknownTimeZone), database.transaction() as session:
        profile.set_time_zone(session, user_id=ada.id, time_zone="Mars/Olympus")


def test_a_superadmin_counts_only_while_active(database: Database, clock: ManualClock) -> None:
    def exists() -> bool:
        with database.reading() as session:
            return directory.superadmin_exists(session)

    registered(database, "ada", now=clock.now(), role=Role.ADMIN)
    assert not exists()
    root = registered(database, "root", now=clock.now(), role=Role.SUPERADMIN)
    assert exists()
    set_user(database, root, is_active=False)
    assert not exists()


def test_each_role_may_do_what_the_lower_ones_may() -> None:
    roles = [Role.USER, Role.ADMIN, Role.SUPERADMIN]
    for rank, role in enumerate(roles):
        assert [role.at_least(other) for other in roles] == [i <= rank for i in range(3)]
