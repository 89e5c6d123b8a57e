"""Generations from the worker's side: taken up once, and ended once together with their credits.

A generation that is running never waits again. Whoever works on it may lose it (the lease passes,
the work is given up, the credits go back); a result that comes later finds it ended and is thrown
away: never given for nothing, never charged twice.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits import holds
from sketchmaker.credits.errors import HoldNotPending
from sketchmaker.credits.explanations import counted
from sketchmaker.studio.gallery import images_of
from sketchmaker.studio.generations import NOTHING_CHARGED
from sketchmaker.studio.image_store import StoredFiles
from sketchmaker.studio.tables import Generation, GenerationState, Image

QUEUE_LIMIT = timedelta(minutes=30)
"""Nobody takes up a generation older than this: its hold would expire under the work."""

SAYS_NOTHING = "The provider delivered nothing and did not say why."
TOO_LATE = "The images came too late: their credits had gone back to you already."
INTERRUPTED = "The studio was interrupted."
TOO_BUSY = "The studio was too busy to begin."

MAX_REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class FinishedPicture:
    """A picture whose files are stored, about to become an image of its generation."""

    public_id: str
    seed: int
    files: StoredFiles


def claim(
    session: Session, *, generation_id: int, now: datetime, lease: timedelta
) -> Generation | None:
    """Take up a waiting generation until `now` + `lease`. None when somebody else has, or must not.

    Commit before the work begins.
    """
    return session.scalar(
        update(Generation)
        .where(
            Generation.id == generation_id,
            Generation.state == GenerationState.QUEUED,
            Generation.created_at > now - QUEUE_LIMIT,
        )
        .values(state=GenerationState.RUNNING, started_at=now, lease_until=now + lease)
        .returning(Generation)
        .execution_options(populate_existing=True)
    )


def note_progress(
    session: Session, *, generation_id: int, images_drawn: int, now: datetime, lease: timedelta
) -> None:
    """Write down how many images are drawn and prolong the lease, if it is still running."""
    session.connection().execute(
        update(Generation)
        .where(Generation.id == generation_id, Generation.state == GenerationState.RUNNING)
        .values(images_drawn=images_drawn, lease_until=now + lease)
    )


def finish(
    session: Session,
    *,
    generation_id: int,
    pictures: Sequence[FinishedPicture],
    failure: str | None,
    now: datetime,
) -> list[Image]:
    """End a running generation: what it delivered is charged and kept, the rest goes back.

    `failure` is a sentence about what is missing. Answers the images it has now; the files of any
    other picture are nobody's and should be removed after the commit. A generation that has ended
    before is left as it is, so calling this again is safe.
    """
    generation = _locked_while_running(session, generation_id)
    if generation is not None:
        kept = pictures[: generation.images_requested]
        if kept and not _settle(session, generation, len(kept), now):
            kept, failure = (), TOO_LATE
        if kept:
            _succeed(session, generation, kept, failure, now)
        else:
            _fail(session, generation, failure or SAYS_NOTHING, now)
    return images_of(session, generation_id=generation_id)


def fail_abandoned(session: Session, *, now: datetime, limit: int = 100) -> int:
    """Fail what nobody works on any more, and give its credits back. How many there were."""
    query = (
        select(Generation)
        .where(
            or_(
                and_(Generation.state == GenerationState.RUNNING, Generation.lease_until <= now),
                and_(
                    Generation.state == GenerationState.QUEUED,
                    Generation.created_at <= now - QUEUE_LIMIT,
                ),
            )
        )
        .order_by(Generation.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    abandoned = session.scalars(query).all()
    for generation in abandoned:
        is_running = generation.state == GenerationState.RUNNING
        _fail(session, generation, INTERRUPTED if is_running else TOO_BUSY, now)
    return len(abandoned)


def waiting(session: Session, *, before: datetime, limit: int = 100) -> list[int]:
    """The numbers of generations that have been waiting since before that time, oldest first."""
    query = select(Generation.id).where(
        Generation.state == GenerationState.QUEUED, Generation.created_at <= before
    )
    return list(session.scalars(query.order_by(Generation.id).limit(limit)))


def _locked_while_running(session: Session, generation_id: int) -> Generation | None:
    # An update that changes nothing: of two that end the same generation the second waits here
    # and then finds that it is not running any more.
    return session.scalar(
        update(Generation)
        .where(Generation.id == generation_id, Generation.state == GenerationState.RUNNING)
        .values(images_drawn=Generation.images_drawn)
        .returning(Generation)
        .execution_options(populate_existing=True)
    )


def _settle(session: Session, generation: Generation, images: int, now: datetime) -> bool:
    """Charge the images. False when the hold has ended before, and nothing can be charged."""
    try:
        holds.settle(
            session,
            hold_id=generation.hold_id,
            credits=generation.price_of(images),
            now=now,
            details={"delivered": images, "what": counted(images, "image")},
        )
    except HoldNotPending:
        return False
    return True


def _succeed(
    session: Session,
    generation: Generation,
    kept: Sequence[FinishedPicture],
    failure: str | None,
    now: datetime,
) -> None:
    if len(kept) < generation.images_requested:
        counts = f"{len(kept)} of {generation.images_requested} images"
        sentence = _sentence(failure or "Some images are missing.")
        generation.failure_reason = f"{sentence} Only {counts} were made and charged."
    generation.state = GenerationState.SUCCEEDED
    generation.images_drawn = generation.images_delivered = len(kept)
    generation.finished_at, generation.lease_until = now, None
    session.add_all(
        Image(
            public_id=picture.public_id,
            generation_id=generation.id,
            user_id=generation.user_id,
            position=position,
            seed=picture.seed,
            width=picture.files.width,
            height=picture.files.height,
            file_name=picture.files.file_name,
            thumbnail_name=picture.files.thumbnail_name,
            byte_count=picture.files.byte_count,
            created_at=now,
        )
        for position, picture in enumerate(kept)
    )
    session.flush()


def _fail(session: Session, generation: Generation, reason: str, now: datetime) -> None:
    sentence = _sentence(reason)
    with suppress(HoldNotPending):  # It expired: the credits went back then.
        holds.release(session, hold_id=generation.hold_id, reason=sentence, now=now)
    generation.state = GenerationState.FAILED
    generation.failure_reason = f"{sentence} {NOTHING_CHARGED}"
    generation.finished_at, generation.lease_until = now, None
    session.flush()


def _sentence(reason: str) -> str:
    """A provider's words on one line of bounded length, ended like a sentence."""
    line = " ".join(reason.replace("\x00", "").split())[:MAX_REASON_CHARACTERS]
    return line if line.endswith((".", "!", "?")) else f"{line}."
