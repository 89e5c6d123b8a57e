"""Generations from the worker's side: taken up, and ended once together with their credits.

Whoever works on a generation holds a lease, which is prolonged while the work goes on, and the hold
on its credits with it. When the lease passes, the process is gone: the work is queued again if that
costs nothing, and otherwise given up and its credits returned. The first result that comes ends the
generation, whoever made it; a later one finds it ended and is thrown away: never given for nothing,
never charged twice.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from sketchmaker.credits.reading.explanations import counted
from sketchmaker.credits.rules.errors import HoldNotPending
from sketchmaker.credits.spending import holds
from sketchmaker.credits.tables import CreditHold, HoldState
from sketchmaker.studio import queue
from sketchmaker.studio.finished_work import FinishedPicture, FinishedWork
from sketchmaker.studio.gallery import images_of
from sketchmaker.studio.generations import NOTHING_CHARGED
from sketchmaker.studio.tables import IS_OPEN, Generation, GenerationState, Image

QUEUE_LIMIT = timedelta(minutes=30)
"""Nobody takes up a generation older than this: its hold would expire under the work."""

HELD_WHILE_AT_WORK = timedelta(days=7)
"""How much longer the credits are held at each sign of life: an outage may be long."""

MOST_ATTEMPTS = 2
"""Work that has lost its process so often may be what kills them."""

SAYS_NOTHING = "The provider delivered nothing and did not say why."
SOME_MISSING = "Some images are missing."
TOO_LATE = "The images came too late: their credits had gone back to you already."
NOT_BEGUN = "The work had not begun when its credits went back to you."
INTERRUPTED = "The studio was interrupted."
TOO_BUSY = "The studio was too busy to begin."


@dataclass(frozen=True, slots=True)
class Outcome:
    """A generation and the images it has now; `is_new` if this call has ended it."""

    generation: Generation
    images: list[Image]
    is_new: bool


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Generations that nobody works on any more: queued again, and failed."""

    requeued: tuple[Generation, ...]
    failed: tuple[Generation, ...]


def claim_next(
    session: Session, *, worker: str, now: datetime, lease: timedelta
) -> Generation | None:
    """Take up the generation whose turn it is. None when nothing waits.

    Commit before the work begins.
    """
    for generation_id in queue.next_up(session, now=now):
        claimed = claim(session, generation_id=generation_id, worker=worker, now=now, lease=lease)
        if claimed is not None:
            return claimed
    return None


def claim(
    session: Session, *, generation_id: int, worker: str, now: datetime, lease: timedelta
) -> Generation | None:
    """Take up a waiting generation until `now` + `lease`. None when somebody else has, or must not.

    One whose hold has ended is failed instead. Commit before the work begins.
    """
    claimed = session.scalar(
        update(Generation)
        .where(
            Generation.id == generation_id,
            queue.IS_WAITING,
            Generation.created_at > now - QUEUE_LIMIT,
        )
        .values(
            state=GenerationState.RUNNING,
            worker=worker,
            attempts=Generation.attempts + 1,
            started_at=now,
            lease_until=now + lease,
        )
        .returning(Generation)
        .execution_options(populate_existing=True)
    )
    if claimed is None or _hold_longer(session, claimed, now):
        return claimed
    _fail(session, claimed, NOT_BEGUN, now)
    return None


def prolong(
    session: Session,
    *,
    generation_ids: Collection[int],
    worker: str,
    now: datetime,
    lease: timedelta,
) -> None:
    """Prolong the leases of what this worker has at hand, and the holds with them."""
    prolonged = session.scalars(
        update(Generation)
        .where(Generation.id.in_(generation_ids), _is_with(worker))
        .values(lease_until=now + lease)
        .returning(Generation)
    ).all()
    for generation in prolonged:
        _hold_longer(session, generation, now)


def note_progress(session: Session, *, generation_id: int, worker: str, images_drawn: int) -> None:
    """Write down how many images are drawn, if this worker still has it."""
    session.connection().execute(
        update(Generation)
        .where(Generation.id == generation_id, _is_with(worker))
        .values(images_drawn=images_drawn)
    )


def finish(session: Session, *, work: FinishedWork, now: datetime) -> Outcome:
    """End an open generation: what it delivered is charged and kept, the rest goes back.

    The files of pictures that are not among its images afterwards are nobody's and should be
    removed after the commit. A generation that has ended before is left as it is, so calling this
    again is safe.
    """
    generation = _locked_while_open(session, work.generation_id)
    is_new = generation is not None
    if generation is None:
        generation = session.get_one(Generation, work.generation_id)
    else:
        _end(session, generation, work, now)
    return Outcome(generation, images_of(session, generation_id=generation.id), is_new)


def give_up_abandoned(
    session: Session,
    *,
    now: datetime,
    repeatable: Collection[str],
    spared: Collection[int] = (),
    limit: int = 100,
) -> GivenUp:
    """Deal with what nobody works on any more, and what nobody took up in time.

    Work of the `repeatable` providers is queued again; other work fails and its credits go back.
    The `spared` generations are left alone: their results are on the way.
    """
    query = (
        select(Generation)
        .where(
            or_(
                and_(queue.IS_AT_WORK, Generation.lease_until <= now),
                and_(queue.IS_WAITING, Generation.created_at <= now - QUEUE_LIMIT),
            ),
            Generation.id.not_in(spared),
        )
        .order_by(Generation.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    requeued, failed = [], []
    for generation in session.scalars(query).all():
        if _may_be_drawn_again(generation, repeatable, now):
            generation.state, generation.lease_until = GenerationState.QUEUED, None
            generation.images_drawn = 0
            requeued.append(generation)
        else:
            is_running = generation.state == GenerationState.RUNNING
            _fail(session, generation, INTERRUPTED if is_running else TOO_BUSY, now)
            failed.append(generation)
    session.flush()
    return GivenUp(tuple(requeued), tuple(failed))


def _may_be_drawn_again(generation: Generation, repeatable: Collection[str], now: datetime) -> bool:
    return (
        generation.state == GenerationState.RUNNING
        and generation.provider in repeatable
        and generation.attempts < MOST_ATTEMPTS
        and generation.created_at > now - QUEUE_LIMIT
    )


def _hold_longer(session: Session, generation: Generation, now: datetime) -> bool:
    """Prolong the hold. False when it has ended, and nothing could be charged."""
    hold = session.get(CreditHold, generation.hold_id, populate_existing=True)
    if hold is None or hold.state != HoldState.PENDING or hold.expires_at <= now:
        return False
    try:
        holds.extend(session, hold_id=generation.hold_id, until=now + HELD_WHILE_AT_WORK, now=now)
    except HoldNotPending:
        return False
    return True


def _locked_while_open(session: Session, generation_id: int) -> Generation | None:
    # An update that changes nothing: of two that end the same generation the second waits here
    # and then finds that it has ended.
    return session.scalar(
        update(Generation)
        .where(Generation.id == generation_id, IS_OPEN)
        .values(images_drawn=Generation.images_drawn)
        .returning(Generation)
        .execution_options(populate_existing=True)
    )


def _end(session: Session, generation: Generation, work: FinishedWork, now: datetime) -> None:
    kept, failure = work.pictures[: generation.images_requested], work.failure
    if kept and not _settle(session, generation, len(kept), now):
        kept, failure = (), TOO_LATE
    if kept:
        _succeed(session, generation, kept, failure, now)
    else:
        _fail(session, generation, failure or SAYS_NOTHING, now)


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
        generation.failure_reason = (
            f"{failure or SOME_MISSING} Only {counts} were made and charged."
        )
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
    with suppress(HoldNotPending):  # It expired: the credits went back then.
        holds.release(session, hold_id=generation.hold_id, reason=reason, now=now)
    generation.state = GenerationState.FAILED
    generation.failure_reason = f"{reason} {NOTHING_CHARGED}"
    generation.finished_at, generation.lease_until = now, None
    session.flush()


def _is_with(worker: str) -> ColumnElement[bool]:
    return and_(queue.IS_AT_WORK, Generation.worker == worker)
