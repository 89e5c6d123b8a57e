"""People order images, by the product's own way: order, hold, take up, deliver, finish.

Providers deliver all, fewer, nothing, or odd words; are slow, beyond the lease even; or are never
heard of again, because their process died. What is finished is on disk until it is handed in.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sketchmaker.database import DatabaseUnavailable, LostRace
from sketchmaker.studio import generations, runs
from sketchmaker.studio.finished_work import FinishedPicture, FinishedWork, FinishedWorkFolder
from sketchmaker.studio.handing_in import HandingIn
from sketchmaker.studio.image_store import ImageStore, StoredFiles
from sketchmaker.studio.offers import MAX_IMAGES_PER_GENERATION, SIZES
from sketchmaker.studio.provider_text import sentence
from sketchmaker.studio.requests import validated
from sketchmaker.studio.worker import LEASE
from tests.simulation.acting import Acting
from tests.simulation.clock import NodeClock
from tests.simulation.simulation import Simulation
from tests.simulation.world import Violation

ORDERS = 0.2
"""Orders for each request of a program."""
WORKERS = ("worker-1", "worker-2")
DRAWING_SECONDS = (0.0, 1.0, 5.0, 30.0, 60.0, 3000.0)
"""The longer ones outlast the lease."""
ODD = "no\x00thing \ud800 " + "at all " * 100

ENDED = (
    "SELECT g.public_id, g.user_id, g.state, g.price, g.images_requested, g.images_delivered, "
    "h.state AS hold_state, h.credits_settled, "
    "(SELECT count(*) FROM images i WHERE i.generation_id = g.id) AS images "
    "FROM generations g LEFT JOIN credit_holds h ON h.id = g.hold_id ORDER BY g.id"
)


class Studio(Acting):
    """Orders, and the workers that draw them."""

    def __init__(self, run: Simulation) -> None:
        super().__init__(run)
        self._chance = run.streams.stream("studio")
        self._store = ImageStore(run.folder)
        self._records = FinishedWorkFolder(self._store.folder_of_records)
        self._is_ending = False

    def maybe_order(self) -> None:
        """Beside what programs ask for, some people order images."""
        if self._chance.random() < ORDERS:
            self.order(self._chance.choice(self._run.oracle.members))

    def order(self, number: int) -> None:
        """Somebody wants images; now and then, they don't any more a moment later."""
        count = self._chance.randint(1, MAX_IMAGES_PER_GENERATION)
        operation = self._operation(number, "order")
        user_id = self._run.oracle.accounts[number].user_id
        request = validated(
            prompt=f"a boat for {operation.name}",
            size=next(iter(SIZES)),
            count=count,
            request_key=operation.name,
        )

        def verb(session: Session, now: datetime) -> Any:
            return generations.submit(
                session,
                user_id=user_id,
                request=request,
                public_id=operation.name,
                seed=1,
                now=now,
            )

        def send() -> None:
            self._do(operation, verb, again=send)
            self._run.after(self._chance.uniform(0, 5), self._work)
            self._run.after(self._chance.choice((100.0, 4000.0, 40_000.0)), self._recover)

        send()
        if self._chance.random() < 0.15:
            send()  # a double click
        if self._chance.random() < 0.15:
            seconds = self._chance.uniform(0, 3)
            self._run.after(seconds, lambda: self._cancel(number, operation.name))

    def finish(self) -> None:
        """No faults any more: all that was ordered comes to its end."""
        self._is_ending = True
        for seconds in (1, 100, 150, 200):
            self._run.after(seconds, self._recover)
            self._run.after(seconds + 1, self._work)

    def everything_has_ended(self) -> None:
        """What was charged was delivered, and the other way round.

        Raises:
            Violation: it was not, or something has not ended.
        """
        gone = {a.user_id for a in self._run.oracle.accounts.values() if a.is_leaving}
        for row in self._run.driver.rows(ENDED):
            if row["user_id"] not in gone:
                _must_be_fair(row)

    def _cancel(self, number: int, public_id: str) -> None:
        user_id = self._run.oracle.accounts[number].user_id

        def verb(session: Session, now: datetime) -> Any:
            return generations.cancel(session, user_id=user_id, public_id=public_id, now=now)

        self._do(self._operation(number, "cancel order"), verb)

    def _work(self) -> None:
        node = self._chance.choice(WORKERS)
        self._spawn(node, lambda: self._take_up(node))

    def _take_up(self, node: str) -> None:
        with self._run.driver.database.transaction() as session:
            claimed = runs.claim_next(session, worker=node, now=self._now(node), lease=LEASE)
            taken = None if claimed is None else (claimed.id, claimed.images_requested)
        if taken is not None:
            self._draw(node, *taken)

    def _draw(self, node: str, generation_id: int, count: int) -> None:
        """The provider's part, which needs no database."""
        kind = "all" if self._is_ending else self._chance.choice(("all", "all", "fewer", "none"))
        delivered = {"all": count, "fewer": self._chance.randint(0, count), "none": 0}[kind]
        failure = None if kind == "all" else self._chance.choice((None, "It broke", ODD))
        pictures = tuple(_picture(f"{generation_id}-{node}-{n}") for n in range(delivered))
        why = None if failure is None else sentence(failure)
        work = FinishedWork(generation_id, pictures, why, name=f"{node}-{self._run.trace.steps}")
        seconds = 0.0 if self._is_ending else self._chance.choice(DRAWING_SECONDS)
        if self._is_ending or self._chance.random() > 0.1:  # else its process dies over it
            self._run.after(seconds, lambda: self._spawn(node, lambda: self._hand_in(node, work)))

    def _hand_in(self, node: str, work: FinishedWork) -> None:
        self._handing_in(node).hand_in(work)

    def _recover(self) -> None:
        node = self._chance.choice(WORKERS)
        self._spawn(node, lambda: self._recover_on(node))

    def _recover_on(self, node: str) -> None:
        """What a worker does now and then: hand in what is left, give up what nobody works on."""
        handing_in = self._handing_in(node)
        handing_in.collect(but=())
        spared = handing_in.awaited()
        with self._run.driver.database.transaction() as session:
            given_up = runs.give_up_abandoned(
                session, now=self._now(node), repeatable=["sandbox"], spared=spared
            )
            count = len(given_up.requeued)
        for _ in range(count):
            self._run.after(1, self._work)

    def _handing_in(self, node: str) -> HandingIn:
        clock = NodeClock(self._run.timeline, node)
        return HandingIn(self._run.driver.database, clock, self._store, self._records)

    def _now(self, node: str) -> datetime:
        return NodeClock(self._run.timeline, node).now()

    def _spawn(self, node: str, work: Callable[[], None]) -> None:
        def unless_it_is_away() -> None:
            try:
                work()
            except (DatabaseUnavailable, LostRace):
                self._run.history.statistics["studio put off"] += 1

        self._run.machine.spawn(node, None, unless_it_is_away)


def _picture(name: str) -> FinishedPicture:
    files = StoredFiles(f"{name}.png", f"{name}.thumb.png", 64, 64, 1000)
    return FinishedPicture(name, 1, files)


def _must_be_fair(row: dict[str, Any]) -> None:
    name, state = f"Order {row['public_id']}", row["state"]
    if state in {"queued", "running"}:
        raise Violation(f"{name} has not ended: it is {state}.")
    delivered = row["images"]
    owed = row["price"] * delivered // row["images_requested"]
    if (row["credits_settled"], row["images_delivered"]) != (owed, delivered):
        raise Violation(
            f"{name} delivered {delivered} images ({row['images_delivered']} by its own account); "
            f"{row['credits_settled']} credits were charged, not {owed}."
        )
    if row["hold_state"] == "pending" or (state != "succeeded" and delivered):
        raise Violation(f"{name} is {state}; its hold is {row['hold_state']}.")
