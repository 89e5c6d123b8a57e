"""The outbox: what is written with a verb, and how it is worked off."""

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from sketchmaker.record import outbox, outbox_deliveries
from sketchmaker.record.actor import Actor
from sketchmaker.record.audit_tables import ENTRIES
from sketchmaker.record.outbox import Event
from sketchmaker.record.outbox_deliveries import Delivery
from sketchmaker.record.outbox_tables import OUTBOX
from tests.conftest import START

LEASE = timedelta(seconds=60)
SECOND = timedelta(seconds=1)


def event(subject: str = "user 7", *, event_id: str | None = None) -> Event:
    return Event("credits.reset", subject, {"credits": 10}, event_id)


def add(database: Database, told: Event | None = None) -> int:
    with database.transaction() as session:
        return outbox.add(session, told or event(), now=START)


def route(database: Database, *deliverers: str) -> None:
    with database.transaction() as session:
        for deliverer in deliverers:
            outbox.set_routes(session, deliverer, ["credits.reset"])


def claim(database: Database, clock: ManualClock, deliverer: str = "post") -> Delivery | None:
    with database.transaction() as session:
        return outbox_deliveries.claim(session, deliverer, now=clock.now(), lease=LEASE)


def claimed(database: Database, clock: ManualClock, deliverer: str = "post") -> Delivery:
    found = claim(database, clock, deliverer)
    assert found is not None
    return found


def rows(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(select(func.count()).select_from(OUTBOX)) or 0


def test_an_event_that_nobody_is_told_of_writes_no_row(database: Database) -> None:
    assert add(database) == 0
    assert rows(database) == 0


def test_every_deliverer_with_a_route_gets_the_event_under_one_number(
    database: Database, clock: ManualClock
) -> None:
    route(database, "post", "pigeon")
    assert add(database) == 2
    first, second = (claimed(database, clock, name) for name in ("post", "pigeon"))
    assert first.event_id == second.event_id
    assert first.payload == {"credits": 10}
    assert (first.kind, first.subject, first.attempt) == ("credits.reset", "user 7", 1)


def test_an_event_is_undone_with_the_change_that_it_tells_of(database: Database) -> None:
    route(database, "post")
    with database.transaction() as session:
        assert outbox.add(session, event(), now=START) == 1
        session.rollback()
    assert rows(database) == 0


def test_a_message_for_one_deliverer_needs_no_route(database: Database, clock: ManualClock) -> None:
    with database.transaction() as session:
        outbox.add_for(session, "post", event(), now=START)
    assert claim(database, clock, "pigeon") is None
    assert claimed(database, clock).subject == "user 7"


def test_routes_are_replaced_as_a_whole(database: Database) -> None:
    with database.transaction() as session:
        outbox.set_routes(session, "post", ["a", "b", "b"])
        outbox.set_routes(session, "pigeon", ["a"])
        outbox.set_routes(session, "post", ["b", "c"])
        assert outbox.routes_of(session, "post") == {"b", "c"}
        assert outbox.routes_of(session, "pigeon") == {"a"}


def test_a_claimed_delivery_is_nobody_elses_until_its_lease_has_passed(
    database: Database, clock: ManualClock
) -> None:
    route(database, "post")
    add(database)
    first = claimed(database, clock)
    assert claim(database, clock) is None
    clock.advance(LEASE)
    again = claimed(database, clock)
    assert (again.event_id, again.attempt) == (first.event_id, 2)


def test_what_was_delivered_is_not_delivered_again(database: Database, clock: ManualClock) -> None:
    route(database, "post")
    add(database)
    delivery = claimed(database, clock)
    with database.transaction() as session:
        outbox_deliveries.note_delivered(session, delivery, now=clock.now())
    clock.advance(2 * LEASE)
    assert claim(database, clock) is None


def test_a_failed_delivery_is_tried_again_when_it_is_due(
    database: Database, clock: ManualClock
) -> None:
    route(database, "post")
    add(database)
    fail(database, claimed(database, clock), clock, retry_after=5 * SECOND)
    assert claim(database, clock) is None
    with database.reading() as session:
        assert outbox_deliveries.figures(session, now=START).retrying == 1
    clock.advance(5 * SECOND)
    assert claimed(database, clock).attempt == 2


why: dict[str, Any] = {"by": Actor.operator("grace"), "reason": "The server is back."}


def test_a_dead_delivery_is_kept_and_can_be_replayed_under_its_own_number(
    database: Database, clock: ManualClock
) -> None:
    route(database, "post")
    add(database)
    first = claimed(database, clock)
    fail(database, first, clock, retry_after=None)
    clock.advance(2 * LEASE)
    assert claim(database, clock) is None
    with database.transaction() as session:
        (dead,) = outbox_deliveries.dead_deliveries(session)
        assert (dead.event_id, dead.last_error) == (first.event_id, "no")
        assert outbox_deliveries.figures(session, now=START).dead == 1
        assert outbox_deliveries.replay(session, [dead.id], **why, now=clock.now()) == 1
        entry = session.execute(select(ENTRIES)).one()
    assert (entry.action, entry.after, entry.reason) == ("replayed", {"replayed": 1}, why["reason"])
    again = claimed(database, clock)
    assert (again.event_id, again.attempt) == (first.event_id, 1)


def test_whoever_lost_the_lease_changes_nothing_by_failing(
    database: Database, clock: ManualClock
) -> None:
    route(database, "post")
    add(database)
    slow = claimed(database, clock)
    clock.advance(LEASE)
    claimed(database, clock)
    fail(database, slow, clock, retry_after=None)
    clock.advance(LEASE)
    assert claimed(database, clock).attempt == 3


def test_a_delivery_that_arrived_late_is_delivered_all_the_same(
    database: Database, clock: ManualClock
) -> None:
    route(database, "post")
    add(database)
    slow = claimed(database, clock)
    clock.advance(LEASE)
    claimed(database, clock)
    with database.transaction() as session:
        outbox_deliveries.note_delivered(session, slow, now=clock.now())
    clock.advance(LEASE)
    assert claim(database, clock) is None


def test_events_of_one_subject_are_tried_in_the_order_in_which_they_were_written(
    database: Database, clock: ManualClock
) -> None:
    route(database, "post")
    for number in range(5):
        add(database, event(event_id=f"number {number}"))
    found = [claimed(database, clock).event_id for _ in range(5)]
    assert found == [f"number {number}" for number in range(5)]


def test_old_deliveries_are_forgotten_and_those_that_wait_never_are(
    database: Database, clock: ManualClock
) -> None:
    route(database, "post")
    for _ in range(3):
        add(database)
    with database.transaction() as session:
        outbox_deliveries.note_delivered(session, claim_in(session, clock), now=clock.now())
    fail(database, claimed(database, clock), clock, retry_after=None)
    clock.advance(timedelta(days=4))
    assert forget(database, clock) == 1
    clock.advance(timedelta(days=400))
    assert forget(database, clock) == 1
    assert rows(database) == 1


def test_figures_tell_what_waits_and_since_when(database: Database, clock: ManualClock) -> None:
    route(database, "post", "pigeon")
    with database.reading() as session:
        assert outbox_deliveries.figures(session, now=START).oldest is None
    add(database)
    with database.reading() as session:
        found = outbox_deliveries.figures(session, now=START)
        assert outbox_deliveries.has_due(session, "post", now=START)
        assert not outbox_deliveries.has_due(session, "post", now=START - SECOND)
    assert (found.waiting, found.oldest, found.retrying, found.dead) == (2, START, 0, 0)


def test_everything_about_a_subject_is_erased(database: Database) -> None:
    route(database, "post")
    add(database)
    add(database, event("user 8"))
    with database.transaction() as session:
        outbox.erase_subject(session, "user 7")
    assert rows(database) == 1


@pytest.mark.race
def test_of_many_who_claim_at_once_each_gets_other_deliveries(
    database: Database, clock: ManualClock
) -> None:
    route(database, "post")
    for _ in range(40):
        add(database)
    together = threading.Barrier(6)
    found: list[str] = []

    def work() -> None:
        together.wait()
        while (delivery := claim(database, clock)) is not None:
            found.append(delivery.event_id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    assert set(Counter(found).values()) == {1}


def claim_in(session: Session, clock: ManualClock) -> Delivery:
    found = outbox_deliveries.claim(session, "post", now=clock.now(), lease=LEASE)
    assert found is not None
    return found


def fail(
    database: Database, delivery: Delivery, clock: ManualClock, *, retry_after: timedelta | None
) -> None:
    retry_at = None if retry_after is None else clock.now() + retry_after
    with database.transaction() as session:
        outbox_deliveries.note_failed(
            session, delivery, error="no", retry_at=retry_at, now=clock.now()
        )


def forget(database: Database, clock: ManualClock) -> int:
    with database.transaction() as session:
        return outbox_deliveries.forget_old(session, now=clock.now())
