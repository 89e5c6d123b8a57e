"""An account and its plan begin together, and end together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from sketchmaker.accounts import registration
from sketchmaker.accounts.errors import LastSuperadmin, UserNotFound
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.bootstrap import System, create_app
from sketchmaker.clock import ManualClock
from sketchmaker.credits.managing import granting
from sketchmaker.credits.reading.statement import statement_for
from sketchmaker.credits.rows import plans
from sketchmaker.credits.rules.errors import NoActiveSubscription
from sketchmaker.credits.spending import holds
from sketchmaker.credits.tables import CreditHold, UsageHistory
from sketchmaker.database import Base, Database
from sketchmaker.membership import enrol, enrol_everyone_without_a_plan, leave
from sketchmaker.randomness import token
from sketchmaker.record import outbox
from sketchmaker.record.actor import Actor
from sketchmaker.record.outbox_tables import OutboxRow
from sketchmaker.studio.generations import submit
from sketchmaker.studio.providers import Delivery, ImageOrder
from sketchmaker.studio.requests import validated
from sketchmaker.studio.tables import Generation, Image
from sketchmaker.studio.worker import StudioWorker
from tests.studio.small_studio import ScriptedProvider, deliver_all
from tests.support.actors import SOMEBODY
from tests.support.people import assert_books_close
from tests.support.web_system import PASSWORD, composed, enrolled
from tests.web.accounts.browser import Browser

pytestmark = pytest.mark.slow  # all of them together

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)

ADA = registration.prepare(
    username="ada", email="ada@example.org", password="a-long-enough-pass", time_zone="Asia/Tokyo"
)


@pytest.fixture
def ada(database: Database) -> int:
    with database.transaction() as session:
        plans.ensure_default_plans(session, now=NOW, by=SOMEBODY, reason="A test.")
        return enrol(session, ADA, now=NOW, by=SOMEBODY, reason="A test.").id


def test_who_joins_is_on_the_free_plan_from_that_instant_in_their_own_zone(
    database: Database, ada: int
) -> None:
    with database.reading() as session:
        statement = statement_for(session, ada, now=NOW)

    assert (statement.plan_name, statement.available, statement.anchor) == ("free", 10, NOW)
    assert statement.time_zone == "Asia/Tokyo"


def test_who_leaves_takes_their_name_along_and_leaves_the_books(
    database: Database, ada: int
) -> None:
    with database.transaction() as session:
        holds.place(session, user_id=ada, credits=4, action="images", now=NOW)
    with database.transaction() as session:
        leave(session, user_id=ada, now=NOW, by=SOMEBODY, reason="A test.")

    with database.reading() as session:
        user = session.get_one(User, ada)
        assert (user.username, user.is_active) == (f"deleted {ada}", False)
        assert session.scalars(select(CreditHold.state)).all() == ["released"]
        rows = session.scalars(select(UsageHistory.action).order_by(UsageHistory.id)).all()
        with pytest.raises(NoActiveSubscription):
            statement_for(session, ada, now=NOW)
    assert rows == ["subscription_started", "images", "subscription_deactivated"]


def test_nobody_is_told_anything_more_of_somebody_who_left(database: Database, ada: int) -> None:
    with database.transaction() as session:
        told = outbox.Event("mail.hello", outbox.subject_of(ada), {"to": "ada@example.org"})
        outbox.add_for(session, "mail", told, now=NOW)
        leave(session, user_id=ada, now=NOW, by=SOMEBODY, reason="A test.")
        assert session.scalars(select(OutboxRow)).all() == []


def test_a_name_that_was_left_can_be_taken_again_by_somebody_else(
    database: Database, ada: int
) -> None:
    with database.transaction() as session:
        leave(session, user_id=ada, now=NOW, by=SOMEBODY, reason="A test.")
        newcomer = enrol(session, ADA, now=NOW, by=SOMEBODY, reason="A test.")

    assert newcomer.id != ada


def test_who_left_is_not_given_the_free_plan_by_the_next_set_up(
    database: Database, ada: int
) -> None:
    with database.transaction() as session:
        leave(session, user_id=ada, now=NOW, by=SOMEBODY, reason="A test.")
        assert enrol_everyone_without_a_plan(session, now=NOW, by=SOMEBODY, reason="A test.") == 0


def test_nobody_can_leave_who_is_not_there(database: Database) -> None:
    with pytest.raises(UserNotFound), database.transaction() as session:
        leave(session, user_id=4711, now=NOW, by=SOMEBODY, reason="A test.")


WORDS = "a heron whom nobody else may know of"


def test_leaving_erases_words_pictures_and_addresses_and_the_books_still_close(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    system = composed(database_url, tmp_path, clock)
    person = enrolled(system, "olga").id
    _give(system, person)
    browser = Browser(create_app(system))
    assert browser.sign_in("olga", PASSWORD).status_code == 302
    _order(system, person)
    system.studio_worker.run(_order(system, person))
    assert _words_found(system, "olga", WORDS, "127.0.0.1", "Firefox") != set()

    with system.database.transaction() as session:
        files = leave(
            session, user_id=person, now=clock.now(), by=Actor.person(person, "olga"), reason=""
        )
    system.image_store.remove(*files)

    assert _words_found(system, "olga", WORDS, "127.0.0.1", "Firefox") == set()
    assert len(files) == 2
    assert [path for path in tmp_path.rglob("*") if path.suffix in {".png", ".webp"}] == []
    assert not browser.is_signed_in()
    assert_books_close(system.database)
    with system.database.reading() as session:
        spent = select(UsageHistory.credits_used).where(UsageHistory.credits_used > 0)
        assert session.scalars(spent).all() == [1]
    system.database.close()


def test_what_is_being_drawn_for_somebody_who_left_is_thrown_away(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    system = composed(database_url, tmp_path, clock)
    person = enrolled(system, "ada").id

    def leave_meanwhile(order: ImageOrder) -> Delivery:
        with system.database.transaction() as session:
            leave(session, user_id=person, now=clock.now(), by=SOMEBODY, reason="A test.")
        return deliver_all(order)

    provider = ScriptedProvider()
    provider.name, provider.script = "sandbox", leave_meanwhile
    worker = StudioWorker(system.database, clock, [provider], system.image_store)
    worker.run(_order(system, person))

    with system.database.reading() as session:
        assert session.scalars(select(Generation.state)).all() == ["cancelled"]
        assert session.scalars(select(Image)).all() == []
        assert session.scalar(select(CreditHold.state)) == "released"
    assert [path for path in tmp_path.rglob("*") if path.suffix in {".png", ".webp"}] == []
    assert_books_close(system.database)
    system.database.close()


def test_the_only_superadmin_can_not_leave(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    system = composed(database_url, tmp_path, clock)
    first = enrolled(system, "grace", role=Role.SUPERADMIN).id
    with pytest.raises(LastSuperadmin), system.database.transaction() as session:
        leave(session, user_id=first, now=clock.now(), by=SOMEBODY, reason="A test.")
    enrolled(system, "mary", role=Role.SUPERADMIN)
    with system.database.transaction() as session:
        leave(session, user_id=first, now=clock.now(), by=SOMEBODY, reason="A test.")
    system.database.close()


def test_a_name_like_that_of_somebody_who_left_stops_nobody_from_leaving(
    database: Database, ada: int
) -> None:
    squatter = replace(ADA, username=f"deleted-{ada}", email="eve@example.org")
    with database.transaction() as session:
        enrol(session, squatter, now=NOW, by=SOMEBODY, reason="A test.")
        leave(session, user_id=ada, now=NOW, by=SOMEBODY, reason="A test.")
        assert session.get_one(User, ada).username == f"deleted {ada}"


def _order(system: System, person: int) -> int:
    request = validated(prompt=WORDS, size="square", count=1, request_key=token(), seed=7)
    with system.database.transaction() as session:
        return submit(
            session,
            user_id=person,
            request=request,
            public_id=token(),
            seed=7,
            now=system.clock.now() + timedelta(seconds=10),
        ).id


def _give(system: System, person: int) -> None:
    with system.database.transaction() as session:
        granting.grant(
            session,
            user_id=person,
            credits=5,
            kind="promotion",
            reason=f"For {WORDS}.",
            now=system.clock.now(),
            by=SOMEBODY,
        )


def _words_found(system: System, *words: str) -> set[str]:
    """The columns in which any of these words is still to be read."""
    found = set()
    with system.database.reading() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)).mappings():
                for column, value in row.items():
                    if any(word in str(value) for word in words):
                        found.add(f"{table.name}.{column}")
    return found
