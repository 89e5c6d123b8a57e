"""The worker: what is in the outbox is delivered, whatever happens in between."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from sketchmaker.clock import ManualClock, SystemClock
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.delivery.deliverers import Undeliverable
from sketchmaker.delivery.worker import DeliveryWorker
from sketchmaker.record import outbox
from sketchmaker.record.outbox import Event
from sketchmaker.record.outbox_deliveries import Delivery
from sketchmaker.record.outbox_tables import OutboxRow
from tests.support.waiting import wait_until

FAR = timedelta(days=1)
"""A look at the outbox that never comes within a test."""


@dataclass
class Post:
    """A deliverer that keeps what it is given, and raises what it was told to first."""

    name: str = "post"
    kinds: frozenset[str] = frozenset({"credits.reset"})
    lease: timedelta = timedelta(seconds=60)
    waits: tuple[timedelta, ...] = (timedelta(seconds=5), timedelta(minutes=5))
    errors: list[Exception] = field(default_factory=list)
    got: list[Delivery] = field(default_factory=list)

    def deliver(self, delivery: Delivery) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.got.append(delivery)


def add(database: Database, clock: ManualClock | SystemClock, *names: str) -> None:
    with database.transaction() as session:
        for name in names:
            event = Event("mail.test", "user 7", {}, name)
            outbox.add_for(session, "post", event, now=clock.now())


def the_row(database: Database) -> OutboxRow:
    with database.reading() as session:
        return session.scalars(select(OutboxRow)).one()


@contextmanager
def running(worker: DeliveryWorker) -> Iterator[None]:
    worker.start()
    try:
        yield
    finally:
        worker.shutdown()


def test_a_delivery_is_tried_again_after_each_wait_and_is_dead_after_the_last(
    database: Database, clock: ManualClock
) -> None:
    post = Post(errors=[OSError("no"), ZeroDivisionError(), OSError("still no")])
    worker = DeliveryWorker(database, clock, [post])
    add(database, clock, "a")
    for wait in post.waits:
        assert worker.deliver_next("post")
        assert not worker.deliver_next("post")
        clock.advance(wait)
    assert worker.deliver_next("post")
    clock.advance(FAR)
    assert not worker.deliver_next("post")
    row = the_row(database)
    assert (row.state, row.attempts, row.last_error) == ("dead", 3, "still no")
    assert post.got == []


def test_what_can_never_be_delivered_is_dead_at_once(
    database: Database, clock: ManualClock
) -> None:
    worker = DeliveryWorker(database, clock, [Post(errors=[Undeliverable("Nobody there.")])])
    add(database, clock, "a")
    assert worker.deliver_next("post")
    assert (the_row(database).state, the_row(database).last_error) == ("dead", "Nobody there.")


def test_delivering_is_within_no_transaction(database: Database, clock: ManualClock) -> None:
    class Writing(Post):
        def deliver(self, delivery: Delivery) -> None:
            # On SQLite this would wait in vain for the write lock, were it held.
            add(database, clock, "another")
            super().deliver(delivery)

    post = Writing()
    worker = DeliveryWorker(database, clock, [post])
    add(database, clock, "a")
    assert worker.deliver_next("post")
    assert [delivery.event_id for delivery in post.got] == ["a"]


def test_a_delivery_is_not_repeated_because_the_database_was_away_when_it_arrived(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post()
    worker = DeliveryWorker(database, clock, [post], look_every=timedelta(milliseconds=1))
    add(database, clock, "a")
    really, calls = database.transaction, []

    def away_for_a_while() -> object:
        calls.append(1)
        if 1 < len(calls) < 5:
            raise DatabaseUnavailable("a test took it away")
        return really()

    monkeypatch.setattr(database, "transaction", away_for_a_while)
    assert worker.deliver_next("post")
    clock.advance(FAR)
    assert not worker.deliver_next("post")
    assert len(post.got) == 1


def test_a_running_worker_registers_its_routes_and_delivers_what_follows(
    database: Database,
) -> None:
    post = Post()
    with running(DeliveryWorker(database, SystemClock(), [post])):
        wait_until(lambda: has_route(database), what="registering the route")
        with database.transaction() as session:
            event = Event("credits.reset", "user 7", {})
            assert outbox.add(session, event, now=SystemClock().now()) == 1
        wait_until(lambda: the_row(database).state == "delivered", what="delivering")
    assert len(post.got) == 1


def test_on_postgresql_a_commit_is_heard_of_at_once(postgres_database: Database) -> None:
    post, clock = Post(), SystemClock()
    with running(DeliveryWorker(postgres_database, clock, [post], look_every=FAR)):
        # The listener wakes everybody once it listens; what comes later is only heard of.
        wait_until(lambda: listens(postgres_database), what="listening")
        for name in ("a", "b", "c"):
            add(postgres_database, clock, name)
            wait_until(lambda: len(post.got) == ord(name) - 96, what=name)  # noqa: B023


def test_a_slow_deliverer_delays_no_other(database: Database) -> None:
    let_go = threading.Event()

    class Slow(Post):
        def deliver(self, delivery: Delivery) -> None:
            let_go.wait(120)
            super().deliver(delivery)

    slow, quick, clock = Slow(), Post(name="pigeon"), SystemClock()
    add(database, clock, "a")
    with database.transaction() as session:
        outbox.add_for(session, "pigeon", Event("a", "b", {}), now=clock.now())
    with running(DeliveryWorker(database, clock, [slow, quick])):
        wait_until(lambda: len(quick.got) == 1, what="delivering past the slow one")
        assert slow.got == []
        let_go.set()
    assert len(slow.got) == 1


def test_a_stop_lets_the_delivery_under_way_end(database: Database) -> None:
    began, let_go = threading.Event(), threading.Event()

    class Slow(Post):
        def deliver(self, delivery: Delivery) -> None:
            began.set()
            let_go.wait(120)
            super().deliver(delivery)

    post, clock = Slow(), SystemClock()
    add(database, clock, "a", "b")
    worker = DeliveryWorker(database, clock, [post])
    worker.start()
    assert began.wait(120)
    threading.Timer(0.05, let_go.set).start()
    worker.shutdown()
    states = states_of(database)
    assert states["a"] == "delivered"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_replaced(database: Database) -> None:
    class Deadly(Post):
        def deliver(self, delivery: Delivery) -> None:
            if delivery.event_id == "deadly":
                raise SystemExit
            super().deliver(delivery)

    post, clock = Deadly(lease=FAR), SystemClock()
    worker = DeliveryWorker(database, clock, [post])
    with running(worker):
        add(database, clock, "deadly")
        wait_until(lambda: not worker._threads["post"].is_alive(), what="the death of the thread")
        worker.revive(clock.now())
        add(database, clock, "a")
        wait_until(lambda: len(post.got) == 1, what="delivering after the death")


def test_a_worker_with_nothing_to_deliver_for_starts_no_thread(database: Database) -> None:
    before = threading.active_count()
    with running(DeliveryWorker(database, SystemClock(), [])):
        assert threading.active_count() == before


def has_route(database: Database) -> bool:
    with database.reading() as session:
        return outbox.routes_of(session, "post") == {"credits.reset"}


def listens(database: Database) -> bool:
    query = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN sketchmaker_o%'")
    with database.reading() as session:
        return bool(session.scalar(query))


def states_of(database: Database) -> dict[str, str]:
    with database.reading() as session:
        return {row.event_id: row.state for row in session.scalars(select(OutboxRow))}
