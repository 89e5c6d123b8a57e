"""The person's work in the studio as cards: what is at work, and what came of the last orders."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from sketchmaker.studio import generations, runs
from sketchmaker.studio.generations import FeedEntry
from sketchmaker.studio.offers import SIZES
from sketchmaker.studio.tables import Generation, GenerationState, Image

CARDS_SHOWN: Final = 10
"""How many of the last generations the feed shows; those at work are shown all."""


@dataclass(frozen=True)
class Card:
    """One generation, its images and what can be done with it, as of now.

    `place` is its place in the queue, counted from 1; None when it does not wait.
    """

    generation: Generation
    images: tuple[Image, ...]
    place: int | None
    was_retried: bool = False

    @property
    def mark(self) -> str:
        """Changes whenever the card has something new to show."""
        return f"{self.generation.state}-{self.place or self.generation.images_drawn}"

    @property
    def look(self) -> str:
        """Which face the card has: queued, running, done, partial, failed or cancelled."""
        made = self.generation
        if made.state != GenerationState.SUCCEEDED:
            return made.state
        return "done" if made.images_delivered == made.images_requested else "partial"

    @property
    def was_interrupted(self) -> bool:
        """Did it end because its process did, and not by a failure?"""
        return (self.generation.failure_reason or "").startswith(runs.INTERRUPTED)

    @property
    def reason(self) -> str:
        """Why images are missing. That they are not charged is said beside it."""
        reason = self.generation.failure_reason or ""
        return reason.removesuffix(generations.NOTHING_CHARGED).strip()

    @property
    def credits(self) -> int:
        """What it cost; while it is at work, what is held for it."""
        made = self.generation
        return made.price_of(made.images_delivered) if made.is_finished else made.price

    @property
    def size_label(self) -> str:
        """The name of its size, also of one that is no longer on offer."""
        size = SIZES.get(self.generation.size)
        return size.label if size else self.generation.size


@dataclass(frozen=True)
class Feed:
    """The cards, newest first."""

    cards: tuple[Card, ...]
    has_older: bool


def feed_of(session: Session, user_id: int, *, now: datetime) -> Feed:
    """Everything of the person that is at work, and their last generations."""
    newest = generations.feed(session, user_id=user_id, now=now, limit=CARDS_SHOWN + 1)
    shown = newest[:CARDS_SHOWN]
    known = {entry.generation.id for entry in shown}
    at_work = generations.active_for_user(session, user_id=user_id)
    shown += [
        generations.feed_entry(session, user_id=user_id, public_id=made.public_id, now=now)
        for made in reversed(at_work)
        if made.id not in known
    ]
    return Feed(_cards(shown), has_older=len(newest) > CARDS_SHOWN)


def card_of(session: Session, *, user_id: int, public_id: str, now: datetime) -> Card:
    """One card.

    Raises:
        GenerationNotFound: the person has no such generation.
    """
    entry = generations.feed_entry(session, user_id=user_id, public_id=public_id, now=now)
    return _cards([entry])[0]


def retry_key(failed: Generation) -> str:
    """The key of the order that tries a failed one again: one order, however often it is sent."""
    return f"retry-{failed.public_id}"


def _cards(entries: Iterable[FeedEntry]) -> tuple[Card, ...]:
    shown = tuple(entries)
    keys = {entry.generation.request_key for entry in shown}
    return tuple(
        Card(
            entry.generation,
            entry.images,
            entry.place,
            was_retried=retry_key(entry.generation) in keys,
        )
        for entry in shown
    )
