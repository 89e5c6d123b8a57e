"""The edge that delivers: one thread for each deliverer, so that a slow one delays no other.

Any number of processes may run one. A thread survives whatever a delivery raises and every outage
of the database; one that died all the same is replaced when the housekeeper asks.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import Final

from sketchmaker.clock import Clock
from sketchmaker.database import Database, DatabaseUnavailable, LostRace, retrying
from sketchmaker.database.listener import Listener
from sketchmaker.delivery.deliverers import Deliverer, Undeliverable
from sketchmaker.record import outbox, outbox_deliveries
from sketchmaker.record.outbox_deliveries import Delivery

CHANNEL: Final = "sketchmaker_outbox"
"""On which PostgreSQL tells that something was written into the outbox."""

LOOK_EVERY: Final = timedelta(seconds=2)
"""How long it takes at the most to see what became due, or what another process wrote."""

logger = logging.getLogger(__name__)


class DeliveryWorker:
    """Works off the outbox for these deliverers."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        deliverers: Iterable[Deliverer],
        *,
        look_every: timedelta = LOOK_EVERY,
    ) -> None:
        self._database = database
        self._clock = clock
        self._look_every = look_every
        self._deliverers = {deliverer.name: deliverer for deliverer in deliverers}
        self._wakes = {name: Event() for name in self._deliverers}
        self._threads: dict[str, Thread] = {}
        self._listener: Listener | None = None
        self._stopping = Event()
        self._lock = Lock()

    def start(self) -> None:
        """Deliver in the background; a second call changes nothing."""
        with self._lock:
            if self._threads or not self._deliverers:
                return
            self._stopping.clear()
            self._start_missing_threads()
            if self._database.dialect == "postgresql":
                self._listener = Listener(
                    self._database, channel=CHANNEL, wake=self.wake, who="outbox"
                )
                self._listener.start()

    def shutdown(self) -> None:
        """Finish the deliveries under way and stop. What waits is left to others."""
        with self._lock:
            self._stopping.set()
            self.wake()
            if self._listener is not None:
                self._listener.stop()
                self._listener = None
            for thread in self._threads.values():
                thread.join()
            self._threads = {}

    def wake(self) -> None:
        """Something may be due: look now."""
        for wake in self._wakes.values():
            wake.set()

    def revive(self, _now: datetime) -> None:
        """Start another thread in place of each that has died; a chore of the housekeeper's."""
        # A shutdown holds the lock for as long as a delivery takes.
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._threads:
                for name in self._start_missing_threads():
                    logger.error("ALARM outbox: the thread of %s died; another is started", name)
        finally:
            self._lock.release()

    def deliver_next(self, name: str) -> bool:
        """Try the delivery that is due first, in this thread. False when none was to be had.

        Raises:
            DatabaseUnavailable, LostRace: nothing was delivered.
        """
        deliverer = self._deliverers[name]
        with self._database.reading() as session:
            if not outbox_deliveries.has_due(session, name, now=self._clock.now()):
                return False
        delivery = retrying(lambda: self._claim(deliverer))
        if delivery is None:
            return False
        self._deliver(deliverer, delivery)
        return True

    def _start_missing_threads(self) -> list[str]:
        missing = [
            name
            for name in self._deliverers
            if name not in self._threads or not self._threads[name].is_alive()
        ]
        for name in missing:
            thread = Thread(target=self._work, args=(name,), name=f"outbox-{name}", daemon=True)
            self._threads[name] = thread
            thread.start()
        return missing

    def _work(self, name: str) -> None:
        wake, routes_are_known = self._wakes[name], False
        while not self._stopping.is_set():
            wake.clear()
            try:
                if not routes_are_known:
                    self._make_routes_known(self._deliverers[name])
                    routes_are_known = True
                if self.deliver_next(name):
                    continue
            except (DatabaseUnavailable, LostRace) as error:
                logger.warning("outbox: %s waits: %s", name, error)
            except Exception:  # whatever it is, the next look may go well
                logger.exception("outbox: working for %s failed; it looks again soon", name)
            wake.wait(self._look_every.total_seconds())

    def _make_routes_known(self, deliverer: Deliverer) -> None:
        with self._database.reading() as session:
            if outbox.routes_of(session, deliverer.name) == set(deliverer.kinds):
                return
        with self._database.transaction() as session:
            outbox.set_routes(session, deliverer.name, deliverer.kinds)

    def _claim(self, deliverer: Deliverer) -> Delivery | None:
        with self._database.transaction() as session:
            return outbox_deliveries.claim(
                session, deliverer.name, now=self._clock.now(), lease=deliverer.lease
            )

    def _deliver(self, deliverer: Deliverer, delivery: Delivery) -> None:
        try:
            deliverer.deliver(delivery)
        except Undeliverable as error:
            self._note_failed(delivery, error, None)
        except (OSError, DatabaseUnavailable, LostRace) as error:
            self._note_failed(delivery, error, _wait_after(deliverer, delivery))
        except Exception as error:  # a deliverer may break on anything: others do not wait for it
            logger.exception("outbox: %s broke on %s", deliverer.name, delivery.kind)
            self._note_failed(delivery, error, _wait_after(deliverer, delivery))
        else:
            self._note_delivered(delivery)

    def _note_failed(self, delivery: Delivery, error: Exception, wait: timedelta | None) -> None:
        """Without `wait` it is dead. In an outage it is tried again when its lease has passed."""
        now, sentence = self._clock.now(), str(error) or type(error).__name__
        logger.warning(
            "outbox: %s %s failed (attempt %d), %s: %s",
            delivery.kind,
            delivery.event_id,
            delivery.attempt,
            "it is dead" if wait is None else f"again in {wait}",
            sentence,
        )
        retry_at = None if wait is None else now + wait
        with self._database.transaction() as session:
            outbox_deliveries.note_failed(
                session, delivery, error=sentence, retry_at=retry_at, now=now
            )

    def _note_delivered(self, delivery: Delivery) -> None:
        """Write it down, however long the database is away: else it would arrive twice."""
        while True:
            try:
                with self._database.transaction() as session:
                    outbox_deliveries.note_delivered(session, delivery, now=self._clock.now())
            except (DatabaseUnavailable, LostRace) as error:
                logger.warning("outbox: %s is delivered, %s", delivery.event_id, error)
                if self._stopping.wait(self._look_every.total_seconds()):
                    return
            else:
                return


def _wait_after(deliverer: Deliverer, delivery: Delivery) -> timedelta | None:
    """How long to wait after this attempt; None after the last."""
    failures = delivery.attempt - 1
    return deliverer.waits[failures] if failures < len(deliverer.waits) else None
