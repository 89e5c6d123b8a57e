"""Generations from the person's side: asking for images, and looking at how far they are.

`runs` is the other side: how a worker takes one up and ends it.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.credits import holds
from sketchmaker.credits.errors import CreditError
from sketchmaker.studio.errors import (
    GenerationNotFound,
    GenerationsTooFast,
    RequestKeyReused,
    TooManyGenerations,
)
from sketchmaker.studio.requests import ImageRequest
from sketchmaker.studio.tables import IS_OPEN, Generation

ACTION = "images"
"""What the ledger calls credits spent here."""

MAX_OPEN_GENERATIONS = 4
"""How many generations of one person may wait or be at work."""

MAX_GENERATIONS_A_MINUTE = 30
"""Far more than a person needs. One that fails costs no credit, but rows and lines of log."""

HOLD_LIFETIME = timedelta(hours=1)
PROMPT_EXCERPT_CHARACTERS = 80


def submit(
    session: Session,
    *,
    user_id: int,
    request: ImageRequest,
    public_id: str,
    seed: int,
    now: datetime,
    provider: str = "sandbox",
    model: str = "sandbox",
) -> Generation:
    """Set the credits aside and queue the work, both or neither.

    The same person's same `request_key` is answered with the first generation, however often it is
    sent and even if nothing is left of the balance. `seed` is used when the request names none.
    Hand the generation to a worker after the commit.

    Raises:
        InsufficientCredits, NoActiveSubscription: see `credits.holds.place`.
        TooManyGenerations, GenerationsTooFast: wait, for one to finish or until `retry_at`.
        RequestKeyReused: the key came before with another request.
    """
    first = _sent_before(session, user_id, request)
    if first is not None:
        return first
    wanted = Generation(
        public_id=public_id,
        user_id=user_id,
        request_key=request.request_key,
        prompt=request.prompt,
        size=request.size.name,
        width=request.size.width,
        height=request.size.height,
        images_requested=request.count,
        seed=seed if request.seed is None else request.seed,
        provider=provider,
        model=model,
        created_at=now,
    )
    return _queue_once(session, request, wanted)


def find(session: Session, *, user_id: int, public_id: str) -> Generation:
    """The person's generation of that name.

    Raises:
        GenerationNotFound: there is none, or it is somebody else's.
    """
    generation = session.scalar(
        select(Generation).where(Generation.public_id == public_id, Generation.user_id == user_id)
    )
    if generation is None:
        raise GenerationNotFound(public_id)
    return generation


def active_for_user(session: Session, *, user_id: int) -> list[Generation]:
    """The person's generations that wait or are at work, the oldest first."""
    query = select(Generation).where(Generation.user_id == user_id, IS_OPEN)
    return list(session.scalars(query.order_by(Generation.id)))


def recent(session: Session, *, user_id: int, limit: int = 20) -> list[Generation]:
    """The person's last generations, the newest first."""
    query = select(Generation).where(Generation.user_id == user_id)
    newest = query.order_by(Generation.created_at.desc(), Generation.id.desc())
    return list(session.scalars(newest.limit(limit)))


def _sent_before(session: Session, user_id: int, request: ImageRequest) -> Generation | None:
    first = session.scalar(
        select(Generation).where(
            Generation.user_id == user_id, Generation.request_key == request.request_key
        )
    )
    if first is not None and not _asks_the_same(request, first):
        raise RequestKeyReused(request.request_key)
    return first


def _asks_the_same(request: ImageRequest, first: Generation) -> bool:
    return (
        request.prompt == first.prompt
        and request.size.name == first.size
        and request.count == first.images_requested
        and request.seed in {None, first.seed}
    )


def _queue_once(session: Session, request: ImageRequest, wanted: Generation) -> Generation:
    """Queue it, unless the same request was committed by another process in the meantime.

    Then this one fails on the unique key, on a balance that the other has emptied or on the limit
    that it has filled, takes back all it did, and gives the other's answer.
    """
    try:
        with session.begin_nested():
            _queue(session, request, wanted)
    except (IntegrityError, CreditError, TooManyGenerations, GenerationsTooFast):
        first = _sent_before(session, wanted.user_id, request)
        if first is None:
            raise
        return first
    return wanted


def _queue(session: Session, request: ImageRequest, wanted: Generation) -> None:
    # The hold comes first: it locks the person's subscription, so that their requests are counted
    # one after the other and the limit holds in a race.
    hold = holds.place(
        session,
        user_id=wanted.user_id,
        credits=request.cost,
        action=ACTION,
        now=wanted.created_at,
        lifetime=HOLD_LIFETIME,
        details={
            "generation": wanted.public_id,
            "prompt": request.prompt[:PROMPT_EXCERPT_CHARACTERS],
            "size": request.size.name,
            "images": request.count,
        },
    )
    is_users = Generation.user_id == wanted.user_id
    opened = session.scalar(select(func.count(Generation.id)).where(is_users, IS_OPEN)) or 0
    if opened >= MAX_OPEN_GENERATIONS:
        raise TooManyGenerations(MAX_OPEN_GENERATIONS)
    _refuse_haste(session, wanted.user_id, wanted.created_at)
    wanted.hold_id = hold.id
    session.add(wanted)
    session.flush()


def _refuse_haste(session: Session, user_id: int, now: datetime) -> None:
    begun = select(Generation.created_at).where(
        Generation.user_id == user_id,
        # Rows from a clock that once stood far ahead must not keep anybody out until then.
        Generation.created_at <= now,
        Generation.created_at > now - timedelta(minutes=1),
    )
    newest_first = begun.order_by(Generation.created_at.desc())
    first_of_too_many = session.scalar(newest_first.offset(MAX_GENERATIONS_A_MINUTE - 1).limit(1))
    if first_of_too_many is not None:
        retry_at = first_of_too_many + timedelta(minutes=1)
        raise GenerationsTooFast(MAX_GENERATIONS_A_MINUTE, retry_at)
