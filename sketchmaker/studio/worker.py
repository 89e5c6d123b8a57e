"""The edge that does the work: a few threads that take up generations and end them.

No transaction is open while a provider works. A thread never dies of a generation: what nobody
foresaw is logged, and the generation fails without costing anything.
"""

import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from sketchmaker.clock import Clock
from sketchmaker.database import Database, DatabaseUnavailable
from sketchmaker.randomness import token
from sketchmaker.studio import runs
from sketchmaker.studio.errors import ProviderFailed, UnusablePicture
from sketchmaker.studio.image_store import ImageStore
from sketchmaker.studio.providers import Delivery, ImageOrder, ImageProvider
from sketchmaker.studio.tables import Generation, Image

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
"""How long a provider may be silent. Each finished image counts as a sign of life."""

TAKEN_UP_BY_OTHERS_AFTER = timedelta(seconds=15)
"""A generation still waiting after this long has lost its process, or that one is busy."""

FINISH_ATTEMPTS = 5
SHORTEST_WAIT_SECONDS = 0.2

BROKE = "Something went wrong while drawing."
NOT_STORED = "The images could not be stored."


@dataclass(frozen=True, slots=True)
class Recovery:
    """What one look for lost work found: handed to this process's threads, or failed."""

    resubmitted: int
    failed: int


class StudioWorker:
    """Runs generations on `threads` threads of this process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        providers: Iterable[ImageProvider],
        image_store: ImageStore,
        threads: int = 2,
    ) -> None:
        self._database = database
        self._clock = clock
        self._providers = {provider.name: provider for provider in providers}
        self._image_store = image_store
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._at_hand: set[int] = set()
        self._lock = Lock()

    def start(self) -> None:
        """Begin to accept generations. Starting twice changes nothing."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="studio")

    def shutdown(self, *, wait: bool = True) -> None:
        """Stop taking up generations; `wait` for those at work. What waits is left to others."""
        with self._lock:
            pool, self._pool = self._pool, None
            self._at_hand.clear()
        if pool is not None:
            pool.shutdown(wait=wait, cancel_futures=True)

    def submit(self, generation_id: int) -> bool:
        """Have a committed generation run soon. False when it is in this process's hands already.

        False as well in a process whose worker was not started: it stays queued, for any other to
        recover.
        """
        with self._lock:
            if self._pool is None or generation_id in self._at_hand:
                return False
            self._at_hand.add(generation_id)
            self._pool.submit(self._run_safely, generation_id)
            return True

    def recover(self, now: datetime) -> Recovery:
        """Look for work that was lost, by this process or any other. A chore, done every 10 s.

        Raises:
            DatabaseUnavailable: nothing was done; the next call will.
        """
        with self._database.transaction() as session:
            failed = runs.fail_abandoned(session, now=now)
        if failed:
            log.warning("studio gave up %d abandoned generations; nothing was charged", failed)
        with self._database.reading() as session:
            lost = runs.waiting(session, before=now - TAKEN_UP_BY_OTHERS_AFTER)
        resubmitted = sum(self.submit(generation_id) for generation_id in lost)
        return Recovery(resubmitted, failed)

    def run(self, generation_id: int) -> None:
        """Run one generation to its end in this thread, unless somebody else has taken it up."""
        with self._database.transaction() as session:
            generation = runs.claim(
                session, generation_id=generation_id, now=self._clock.now(), lease=LEASE
            )
        if generation is None:
            return
        delivery = self._ask_provider(generation)
        pictures, failure = self._store(delivery)
        self._finish(generation_id, pictures, failure)

    def _run_safely(self, generation_id: int) -> None:
        try:
            self.run(generation_id)
        except Exception:
            # The lease will pass and the generation fail: see `recover`.
            log.exception("studio lost generation %d", generation_id)
        finally:
            with self._lock:
                self._at_hand.discard(generation_id)

    def _ask_provider(self, generation: Generation) -> Delivery:
        provider = self._providers.get(generation.provider)
        if provider is None:
            return Delivery((), f"The provider {generation.provider} is not set up.")
        try:
            return provider.generate(
                _order(generation), lambda done: self._note_progress(generation.id, done)
            )
        except ProviderFailed as error:
            return Delivery(error.pictures, error.reason)
        except Exception:
            log.exception("studio: %s broke on generation %d", provider.name, generation.id)
            return Delivery((), BROKE)

    def _note_progress(self, generation_id: int, images_drawn: int) -> None:
        try:
            with self._database.transaction() as session:
                runs.note_progress(
                    session,
                    generation_id=generation_id,
                    images_drawn=images_drawn,
                    now=self._clock.now(),
                    lease=LEASE,
                )
        except DatabaseUnavailable as error:
            # The person sees less; the work itself goes on.
            log.warning("studio: progress of generation %d not noted: %s", generation_id, error)

    def _store(self, delivery: Delivery) -> tuple[list[runs.FinishedPicture], str | None]:
        """Store the usable pictures. What can't be stored is missing, with its reason."""
        stored: list[runs.FinishedPicture] = []
        failure = delivery.failure
        for picture in delivery.pictures:
            try:
                files = self._image_store.save(picture.content)
            except UnusablePicture as error:
                failure = str(error)
            except OSError:
                log.exception("studio: a picture could not be stored")
                failure = NOT_STORED
            else:
                stored.append(runs.FinishedPicture(token(), picture.seed, files))
        return stored, failure

    def _finish(
        self, generation_id: int, pictures: list[runs.FinishedPicture], failure: str | None
    ) -> None:
        for attempt in range(FINISH_ATTEMPTS):
            try:
                with self._database.transaction() as session:
                    images = runs.finish(
                        session,
                        generation_id=generation_id,
                        pictures=pictures,
                        failure=failure,
                        now=self._clock.now(),
                    )
            except DatabaseUnavailable as error:
                # Whether it was committed is not known: the next attempt finds out.
                log.warning("studio: generation %d not finished yet: %s", generation_id, error)
                self._clock.sleep(SHORTEST_WAIT_SECONDS * 4**attempt)
            else:
                self._remove_all_but(images, pictures)
                return
        log.error("studio: generation %d could not be finished; its lease will pass", generation_id)

    def _remove_all_but(self, images: list[Image], pictures: list[runs.FinishedPicture]) -> None:
        kept = {image.file_name for image in images}
        for picture in pictures:
            if picture.files.file_name not in kept:
                self._image_store.remove(picture.files.file_name, picture.files.thumbnail_name)


def _order(generation: Generation) -> ImageOrder:
    return ImageOrder(
        reference=generation.public_id,
        model=generation.model,
        prompt=generation.prompt,
        width=generation.width,
        height=generation.height,
        count=generation.images_requested,
        seed=generation.seed,
    )
