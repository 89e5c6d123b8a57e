"""The edge that does the work: a few threads that take up generations and end them.

No transaction is open while a provider works. A thread never dies of a generation, and none waits
for a database that is away: finished work lies on disk until it can be handed in.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Lock, Semaphore, Thread
from typing import Final

from sketchmaker import logs
from sketchmaker.clock import Clock
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.randomness import token
from sketchmaker.studio import queue, runs
from sketchmaker.studio.finished_work import FinishedWorkFolder
from sketchmaker.studio.handing_in import HandingIn, log_failure
from sketchmaker.studio.image_store import ImageStore
from sketchmaker.studio.making import Maker
from sketchmaker.studio.providers import ImageProvider
from sketchmaker.studio.tables import Generation

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=40)
"""A process that has not prolonged its lease for so long is taken to be dead."""

PROLONG_EVERY: Final = timedelta(seconds=10)

ANSWERS_FOR: Final = timedelta(seconds=20)
"""After an outage, processes get this long to prolong their leases before they count as dead."""

SILENT_FOR: Final = timedelta(minutes=10)
"""A provider that has finished no image for so long is not waited for: the lease passes."""

LOOK_EVERY: Final = timedelta(seconds=2)
"""How long it takes at the most to see what another process has queued."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What one look for lost work found: handed in, queued again, failed."""

    handed_in: int
    requeued: int
    failed: int


THREADS_BESIDES: Final = 1
"""Beside those that draw, one prolongs their leases."""


class StudioWorker:
    """Draws generations on `threads` threads of this process, which is known as `name`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        providers: Iterable[ImageProvider],
        image_store: ImageStore,
        *,
        threads: int = 2,
        name: str | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._maker = Maker(providers, image_store)
        finished = FinishedWorkFolder(image_store.folder_of_records)
        self._handing_in = HandingIn(database, clock, image_store, finished)
        self._thread_count = threads
        self._name = name or token()
        self._threads: list[Thread] = []
        self._stopping = Event()
        self._ordered = Semaphore(0)
        self._lock = Lock()
        self._at_hand: dict[int, datetime] = {}  # generation → last sign of life
        self._answering_since: datetime | None = clock.now()

    def start(self) -> None:
        """Begin to take up generations. Starting twice changes nothing."""
        if self._threads:
            return
        self._stopping.clear()
        names = [f"studio-{number}" for number in range(self._thread_count)]
        self._threads = [Thread(target=self._work, name=name, daemon=True) for name in names]
        self._threads.append(Thread(target=self._keep_leases, name="studio-leases", daemon=True))
        for thread in self._threads:
            thread.start()

    def shutdown(self, *, wait: bool = True) -> None:
        """Stop taking up generations; `wait` for those at work. What waits is left to others."""
        self._stopping.set()
        self._ordered.release(max(self._thread_count, 1))
        if wait:
            for thread in self._threads:
                thread.join()
        self._threads = []

    def wake(self) -> None:
        """Something was queued and committed: look now."""
        self._ordered.release()

    def run(self, generation_id: int) -> None:
        """Run one generation to its end in this thread, unless somebody else has taken it up."""
        with self._database.transaction() as session:
            claimed = runs.claim(
                session,
                generation_id=generation_id,
                worker=self._name,
                now=self._clock.now(),
                lease=LEASE,
            )
        if claimed is not None:
            self._draw(claimed)

    def recover(self, now: datetime) -> Recovery:
        """Look for work that was lost, by this process or any other. Call it every ten seconds.

        Raises:
            DatabaseUnavailable: some of it is left for the next call.
        """
        try:
            return self._recover(now)
        except DatabaseUnavailable:
            self._answering_since = None
            raise

    def _recover(self, now: datetime) -> Recovery:
        handed_in = self._handing_in.collect(but=self._hands())
        if self._answering_since is None:
            self._answering_since = now
        given_up = runs.GivenUp((), ())
        if now - self._answering_since >= ANSWERS_FOR:
            given_up = self._give_up_abandoned(now)
        return Recovery(handed_in, len(given_up.requeued), len(given_up.failed))

    def _give_up_abandoned(self, now: datetime) -> runs.GivenUp:
        spared = self._handing_in.awaited()
        with self._database.transaction() as session:
            given_up = runs.give_up_abandoned(
                session, now=now, repeatable=self._maker.repeatable, spared=spared
            )
        for lost in given_up.requeued:
            logs.event(
                "images queued again",
                level="warning",
                user=lost.user_id,
                generation=lost.id,
                lost_by=lost.worker,
            )
            self.wake()
        for lost in given_up.failed:
            log_failure(lost)
        return given_up

    def _work(self) -> None:
        while not self._stopping.is_set():
            if not self._draw_next():
                self._ordered.acquire(timeout=LOOK_EVERY.total_seconds())

    def _draw_next(self) -> bool:
        """Draw the generation whose turn it is. False when there is none to be had."""
        try:
            claimed = self._take_up()
            if claimed is not None:
                self._draw(claimed)
        except DatabaseUnavailable as error:
            log.warning("studio: nothing taken up: %s", error)
            return False
        except Exception:
            # If it had been taken up, its lease will pass: see `recover`.
            log.exception("studio: a generation was lost")
            return False
        return claimed is not None

    def _take_up(self) -> Generation | None:
        now = self._clock.now()
        with self._database.reading() as session:
            if not queue.next_up(session, now=now, limit=1):
                return None
        with self._database.transaction() as session:
            return runs.claim_next(session, worker=self._name, now=now, lease=LEASE)

    def _draw(self, claimed: Generation) -> None:
        with self._in_hand(claimed.id):
            work = self._maker.make(claimed, lambda done: self._note_progress(claimed.id, done))
            self._handing_in.hand_in(work)

    @contextmanager
    def _in_hand(self, generation_id: int) -> Iterator[None]:
        self._sign_of_life(generation_id)
        try:
            yield
        finally:
            with self._lock:
                self._at_hand.pop(generation_id, None)

    def _sign_of_life(self, generation_id: int) -> None:
        with self._lock:
            self._at_hand[generation_id] = self._clock.now()

    def _hands(self, heard_after: datetime | None = None) -> list[int]:
        with self._lock:
            return [
                generation_id
                for generation_id, heard in self._at_hand.items()
                if heard_after is None or heard > heard_after
            ]

    def _note_progress(self, generation_id: int, images_drawn: int) -> None:
        self._sign_of_life(generation_id)
        try:
            with self._database.transaction() as session:
                runs.note_progress(
                    session,
                    generation_id=generation_id,
                    worker=self._name,
                    images_drawn=images_drawn,
                )
        except DatabaseUnavailable as error:
            # The person sees less; the work itself goes on.
            log.warning("studio: progress of generation %d not noted: %s", generation_id, error)

    def _keep_leases(self) -> None:
        while not self._stopping.wait(PROLONG_EVERY.total_seconds()):
            try:
                self.prolong_leases()
            except Exception:
                log.exception("studio: leases not prolonged")

    def prolong_leases(self) -> None:
        """Show that this process lives, and that what it draws goes on.

        Raises:
            DatabaseUnavailable: they are not prolonged.
        """
        now = self._clock.now()
        alive = self._hands(heard_after=now - SILENT_FOR)
        if alive:
            with self._database.transaction() as session:
                runs.prolong(session, generation_ids=alive, worker=self._name, now=now, lease=LEASE)
