"""The line to PostgreSQL is cut while a worker claims, and while it says what it delivered."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from sketchmaker.clock import ManualClock, SystemClock
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.delivery.worker import DeliveryWorker
from sketchmaker.record.outbox_deliveries import Delivery
from tests.delivery.test_worker import Post, add, running, the_row
from tests.support.proxy import CuttingProxy, Where
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

QUICKLY = timedelta(milliseconds=50)


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[CuttingProxy]:
    made = CuttingProxy(postgres_url)
    yield made
    made.close()


@pytest.fixture
def behind(proxy: CuttingProxy) -> Iterator[Database]:
    made = Database(proxy.url)
    for engine in made.engines:
        engine.connect().close()  # at first it asks for the types of the server, in a transaction
    yield made
    made.close()


def is_commit(statement: str) -> bool:
    return statement.strip().upper() == "COMMIT"


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_claim_that_was_cut_off_is_made_again_or_has_a_lease(
    postgres_database: Database, behind: Database, proxy: CuttingProxy, where: Where
) -> None:
    post, clock = Post(), ManualClock(SystemClock().now())
    worker = DeliveryWorker(behind, clock, [post])
    add(postgres_database, clock, "a")
    proxy.arm(is_commit, where)
    with pytest.raises(DatabaseUnavailable):
        worker.deliver_next("post")
    assert (proxy.cuts, post.got) == (1, [])
    if where == "after":
        assert not worker.deliver_next("post")
        clock.advance(post.lease)
    assert worker.deliver_next("post")
    assert [delivery.attempt for delivery in post.got] == [1 if where == "before" else 2]


@pytest.mark.parametrize("where", ["before", "after"])
def test_what_arrived_as_the_line_was_cut_is_not_delivered_again(
    postgres_database: Database, behind: Database, proxy: CuttingProxy, where: Where
) -> None:
    class Arming(Post):
        def deliver(self, delivery: Delivery) -> None:
            super().deliver(delivery)
            proxy.arm(is_commit, where)

    post, clock = Arming(), ManualClock(SystemClock().now())
    worker = DeliveryWorker(behind, clock, [post], look_every=QUICKLY)
    add(postgres_database, clock, "a")
    assert worker.deliver_next("post")
    assert (proxy.cuts, the_row(postgres_database).state) == (1, "delivered")
    clock.advance(post.lease)
    assert not worker.deliver_next("post")
    assert len(post.got) == 1


def test_a_running_worker_survives_cuts(
    postgres_database: Database, behind: Database, proxy: CuttingProxy
) -> None:
    post, clock = Post(lease=timedelta(seconds=1)), SystemClock()
    with running(DeliveryWorker(behind, clock, [post], look_every=QUICKLY)):
        for number in range(6):
            proxy.arm(lambda _statement: True, "before" if number % 2 else "after")
            cuts, name = proxy.cuts, f"event {number}"
            add(postgres_database, clock, name)
            wait_until(lambda cuts=cuts: proxy.cuts > cuts, what="the cut")  # type: ignore[misc]
            wait_until(
                lambda name=name: name in {one.event_id for one in post.got},  # type: ignore[misc]
                what=f"delivering {name}",
            )
