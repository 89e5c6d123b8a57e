"""Generations from the person's side: asking for images, and looking at how far they are.

`runs` is the other side: how a worker takes one up and ends it.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.credits.rules.errors import CreditError, HoldNotPending
from sketchmaker.credits.spending import holds
from sketchmaker.limits.errors import LimitReached
from sketchmaker.limits.rules import Action
from sketchmaker.limits.uses import DECLARED_LIMITS, Limits, Who, account_of
from sketchmaker.studio import offers, queue, repeats
from sketchmaker.studio.errors import (
    CancelledTooLate,
    GenerationNotFound,
    StudioBusy,
    StudioError,
    TooManyGenerations,
)
from sketchmaker.studio.requests import ImageRequest
from sketchmaker.studio.tables import IS_OPEN, Generation, GenerationState, Image

ACTION = "images"
"""What the ledger calls credits spent here."""

MAX_OPEN_GENERATIONS = 4
"""How many generations of one person may wait or be at work."""

LONGEST_WAIT = timedelta(minutes=5)
"""With a longer queue than this, orders are refused before anything is held for them."""

HOLD_LIFETIME = timedelta(hours=1)
PROMPT_EXCERPT_CHARACTERS = 80

CANCELLED = "You cancelled it."
NOTHING_CHARGED = "Nothing was charged."


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One generation as its person sees it.

    `images` are those it delivered and the person has kept, in their order. `place` is its place in
    the queue, counted from 1; None when it does not wait.
    """

    generation: Generation
    images: tuple[Image, ...]
    place: int | None


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
    limits: Limits = DECLARED_LIMITS,
) -> Generation:
    """Set the credits aside and queue the work, both or neither.

    A request that came before is answered with the generation that it began: see `repeats`.
    `seed` is used when the request names none. Wake the worker after the commit.

    Raises:
        InsufficientCredits, NoActiveSubscription: see `credits.holds.place`; NotInPlan: `offers`.
        StudioBusy: too much waits already, until `retry_at`.
        TooManyGenerations, LimitReached: wait, for one to finish or until `retry_at`.
        RequestKeyReused: the key came before with another request.
    """
    wanted = Generation(
        public_id=public_id,
        user_id=user_id,
        request_key=request.request_key,
        prompt=request.prompt,
        size=request.size.name,
        width=request.size.width,
        height=request.size.height,
        images_requested=request.count,
        price=request.cost,
        seed=seed if request.seed is None else request.seed,
        provider=provider,
        model=model,
        created_at=now,
    )
    answered = repeats.answered_before(session, request, wanted)
    return answered or _queue_once(session, request, wanted, limits)


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


def cancel(session: Session, *, user_id: int, public_id: str, now: datetime) -> Generation:
    """Take back a generation that is still waiting; its credits are released.

    Cancelling again changes nothing.

    Raises:
        GenerationNotFound: the person has none of that name.
        CancelledTooLate: it is being drawn, or has ended otherwise.
    """
    cancelled = session.scalar(
        update(Generation)
        .where(
            Generation.public_id == public_id,
            Generation.user_id == user_id,
            queue.IS_WAITING,
        )
        .values(
            state=GenerationState.CANCELLED,
            failure_reason=f"{CANCELLED} {NOTHING_CHARGED}",
            finished_at=now,
        )
        .returning(Generation)
        .execution_options(populate_existing=True)
    )
    if cancelled is None:
        found = find(session, user_id=user_id, public_id=public_id)
        if found.state != GenerationState.CANCELLED:
            raise CancelledTooLate(public_id)
        return found
    with suppress(HoldNotPending):  # It expired: the credits went back then.
        holds.release(session, hold_id=cancelled.hold_id, reason=CANCELLED, now=now)
    return cancelled


def active_for_user(session: Session, *, user_id: int) -> list[Generation]:
    """The person's generations that wait or are at work, the oldest first."""
    query = select(Generation).where(Generation.user_id == user_id, IS_OPEN)
    return list(session.scalars(query.order_by(Generation.id)))


def feed(session: Session, *, user_id: int, now: datetime, limit: int = 10) -> list[FeedEntry]:
    """The person's last generations, the newest first, each with its images and its place."""
    mine = select(Generation).where(Generation.user_id == user_id)
    newest = mine.order_by(Generation.created_at.desc(), Generation.id.desc())
    return _feed_entries(session, session.scalars(newest.limit(limit)).all(), now)


def feed_entry(session: Session, *, user_id: int, public_id: str, now: datetime) -> FeedEntry:
    """One of the person's generations as their feed shows it.

    Raises:
        GenerationNotFound: there is none, or it is somebody else's.
    """
    found = find(session, user_id=user_id, public_id=public_id)
    return _feed_entries(session, [found], now)[0]


def place_in_queue(session: Session, generation: Generation, *, now: datetime) -> int | None:
    """How many generations are taken up until it is this one's turn; None when it does not wait."""
    return queue.places(session, [generation.id], now=now).get(generation.id)


def _feed_entries(session: Session, shown: Sequence[Generation], now: datetime) -> list[FeedEntry]:
    waiting = [each.id for each in shown if each.state == GenerationState.QUEUED]
    places = queue.places(session, waiting, now=now)
    images: dict[int, list[Image]] = {each.id: [] for each in shown}
    theirs = select(Image).where(Image.generation_id.in_(images)).order_by(Image.position)
    for image in session.scalars(theirs):
        images[image.generation_id].append(image)
    return [FeedEntry(each, tuple(images[each.id]), places.get(each.id)) for each in shown]


class _SentTwice(Exception):
    """The same order was committed while this one waited for the person's balance."""


def _queue_once(
    session: Session, request: ImageRequest, wanted: Generation, limits: Limits
) -> Generation:
    """Queue it, unless the same request was committed by another process in the meantime.

    Then this one fails on the unique key, on a balance that the other has emptied or on a limit
    that it has filled, takes back all it did, and gives the other's answer.
    """
    try:
        with session.begin_nested():
            _queue(session, request, wanted, limits)
    except (IntegrityError, CreditError, StudioError, LimitReached, _SentTwice):
        first = repeats.answered_before(session, request, wanted)
        if first is None:
            raise
        return first
    return wanted


def _queue(session: Session, request: ImageRequest, wanted: Generation, limits: Limits) -> None:
    offers.refuse_what_is_not_included(
        session,
        user_id=wanted.user_id,
        model=wanted.model,
        size=request.size,
        count=request.count,
        now=wanted.created_at,
    )
    _refuse_if_busy(session, wanted.created_at)
    # The hold comes before the counting: it locks the person's subscription, so that their requests
    # are counted one after the other and the limit holds in a race.
    hold = holds.place(
        session,
        user_id=wanted.user_id,
        credits=wanted.price,
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
    if repeats.clicked_before(session, request, wanted):
        raise _SentTwice
    is_users = Generation.user_id == wanted.user_id
    opened = session.scalar(select(func.count(Generation.id)).where(is_users, IS_OPEN)) or 0
    if opened >= MAX_OPEN_GENERATIONS:
        raise TooManyGenerations(MAX_OPEN_GENERATIONS)
    who = Who(account=account_of(wanted.user_id))
    limits.take(session, Action.GENERATE, who, now=wanted.created_at)
    wanted.hold_id = hold.id
    session.add(wanted)
    session.flush()


def _refuse_if_busy(session: Session, now: datetime) -> None:
    wait = queue.expected_wait(session)
    if wait > LONGEST_WAIT:
        raise StudioBusy(wait, retry_at=now + wait - LONGEST_WAIT)
