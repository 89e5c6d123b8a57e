"""Finished work goes into the database: at once, or when the database is back, or by another
process when the one that did the work is dead.
"""

import logging
from collections import Counter
from collections.abc import Collection
from typing import Final

from sqlalchemy.exc import IntegrityError

from sketchmaker import logs
from sketchmaker.clock import Clock
from sketchmaker.database import Database, DatabaseUnavailable, LostRace
from sketchmaker.studio import runs
from sketchmaker.studio.finished_work import FinishedWork, FinishedWorkFolder
from sketchmaker.studio.image_store import ImageStore
from sketchmaker.studio.runs import Outcome
from sketchmaker.studio.tables import Generation, GenerationState

log = logging.getLogger(__name__)

ATTEMPTS: Final = 3
PAUSE_SECONDS: Final = 0.1
MAY_PASS: Final = (DatabaseUnavailable, LostRace, IntegrityError)
"""An outage, or somebody else was there first: the same again may go well."""

MOST_FAILURES: Final = 20
"""Work that fails so often, and not because the database is away, is set aside."""


class HandingIn:
    """Ends generations with what was made for them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        image_store: ImageStore,
        folder: FinishedWorkFolder,
    ) -> None:
        self._database = database
        self._clock = clock
        self._image_store = image_store
        self._folder = folder
        self._failures: Counter[str] = Counter()

    def hand_in(self, work: FinishedWork) -> None:
        """Write it down and end its generation; what can't be done now is left to `collect`."""
        try:
            self._folder.keep(work)
        except OSError:
            log.exception("studio: generation %d has no record on disk", work.generation_id)
        for attempt in range(ATTEMPTS):
            try:
                self._end(work)
            except MAY_PASS as error:
                log.warning("studio: generation %d not ended yet: %s", work.generation_id, error)
                self._clock.sleep(PAUSE_SECONDS * attempt)
            else:
                return

    def collect(self, *, but: Collection[int]) -> int:
        """End what is finished and was not handed in, except these generations. How many.

        Raises:
            DatabaseUnavailable: some are left for the next call.
        """
        left = [work for work in self._folder.waiting() if work.generation_id not in but]
        return sum(self._end_safely(work) for work in left)

    def awaited(self) -> set[int]:
        """The generations whose work is finished and not handed in."""
        return {work.generation_id for work in self._folder.waiting()}

    def _end_safely(self, work: FinishedWork) -> bool:
        try:
            self._end(work)
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("studio: generation %d could not be ended", work.generation_id)
            self._failures[work.name] += 1
            if self._failures[work.name] >= MOST_FAILURES:
                self._folder.set_aside(work)
            return False
        return True

    def _end(self, work: FinishedWork) -> None:
        with self._database.transaction() as session:
            outcome = runs.finish(session, work=work, now=self._clock.now())
        kept = {image.file_name for image in outcome.images}
        for picture in work.pictures:
            if picture.files.file_name not in kept:
                self._image_store.remove(picture.files.file_name, picture.files.thumbnail_name)
        self._folder.forget(work)
        if outcome.is_new:
            log_end(outcome)


def log_end(outcome: Outcome) -> None:
    """One line for a generation that has ended."""
    made = outcome.generation
    if made.state == GenerationState.FAILED:
        log_failure(made)
        return
    is_whole = made.images_delivered == made.images_requested
    logs.event(
        "images delivered" if is_whole else "images partly delivered",
        level="info" if is_whole else "warning",
        user=made.user_id,
        generation=made.id,
        images=f"{made.images_delivered}/{made.images_requested}",
        credits=made.credits_used,
        reason=made.failure_reason,
    )


def log_failure(made: Generation) -> None:
    """One line for a generation that failed, with its cause."""
    logs.event(
        "images failed",
        level="warning",
        user=made.user_id,
        generation=made.id,
        provider=made.provider,
        reason=made.failure_reason,
    )
