"""The studio's form: what is filled in, what is wrong with it, what it would cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sketchmaker.credits.reading.statement import Statement
from sketchmaker.randomness import token
from sketchmaker.studio.offers import (
    MAX_IMAGES_PER_GENERATION,
    MAX_PROMPT_CHARACTERS,
    SIZES,
    cost_of,
    images_for,
)
from sketchmaker.studio.requests import ImageRequest, validated
from sketchmaker.studio.tables import Generation
from sketchmaker.web.frame.viewer import signed_in_viewer
from sketchmaker.web.frame.wording import counted

LONGEST_NUMBER: Final = 12
RESET_WAITS: Final = "Your reset is waiting for an admin. No credits are lost."
RESET_IS_RETRIED: Final = "Your reset is late and is being retried. No credits are lost."


@dataclass(frozen=True)
class StudioForm:
    """The fields as text, and a sentence for each that has a problem."""

    prompt: str = ""
    size: str = next(iter(SIZES))
    count: int = 1
    seed: str = ""
    request_key: str = field(default_factory=token)
    problems: Mapping[str, str] = field(default_factory=dict)
    is_empty: bool = False
    """Nobody has filled it in: the browser may put a draft there."""

    @property
    def longest_prompt(self) -> int:
        """In characters."""
        return MAX_PROMPT_CHARACTERS

    @property
    def image_price(self) -> int:
        """Credits for one image."""
        return cost_of(1)


@dataclass(frozen=True)
class Refill:
    """When how many credits come back; `days` of the reader's calendar from now."""

    credits: int
    at: datetime
    days: int


@dataclass(frozen=True)
class Cost:
    """Whether this many images can be paid, and the sentence about it.

    `refill` is there for somebody who is out of credits.
    """

    count: int
    credits: int
    can_generate: bool
    sentence: str
    refill: Refill | None = None


def request_from(sent: Mapping[str, str]) -> ImageRequest:
    """The request that a sent form makes.

    Raises:
        InvalidImageRequest: with a sentence for each field that has a problem.
    """
    seed = sent.get("seed", "").strip()
    return validated(
        prompt=sent.get("prompt", ""),
        size=sent.get("size"),
        count=number_in(sent.get("count", "")),
        request_key=sent.get("request_key", ""),
        seed=number_in(seed) if seed else None,
    )


def form_from(sent: Mapping[str, str], problems: Mapping[str, str]) -> StudioForm:
    """The form as it was sent, to be shown again."""
    count = number_in(sent.get("count", ""))
    size = sent.get("size", "")
    return StudioForm(
        prompt=sent.get("prompt", ""),
        size=size if size in SIZES else StudioForm.size,
        count=count if isinstance(count, int) and 1 <= count <= MAX_IMAGES_PER_GENERATION else 1,
        seed=sent.get("seed", ""),
        problems=problems,
    )


def form_like(generation: Generation, seed: int | None = None) -> StudioForm:
    """A form with the words and size of this generation: other images, unless `seed` is given."""
    seed_text = "" if seed is None else str(seed)
    return StudioForm(prompt=generation.prompt, size=generation.size, seed=seed_text)


def order_again(generation: Generation, request_key: str) -> ImageRequest:
    """The same order with all its options, under a key of its own.

    Raises:
        InvalidImageRequest: what it asked for is no longer on offer.
    """
    return validated(
        prompt=generation.prompt,
        size=generation.size,
        count=generation.images_requested,
        request_key=request_key,
        seed=generation.seed,
    )


def number_in(text: str) -> int | str:
    """The whole number that is written there; else the text, for somebody to complain about."""
    digits = text.strip()
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER
    return int(digits) if is_number else text


NO_PLAN: Final = "You have no active plan. Ask an admin to give you one."


def cost_for(count: int, statement: Statement | None, *, now: datetime, zone: str) -> Cost:
    """What this many images would cost the person, in a sentence. `zone` is the reader's."""
    price = cost_of(count)
    if statement is None:
        waits = signed_in_viewer().is_email_unconfirmed
        told = "Confirm your e-mail address first." if waits else NO_PLAN
        return Cost(count, price, False, told)
    available = statement.available
    if price <= available:
        sentence = (
            f"Uses {counted(price, 'credit')}. You have {available:,}. Failed images are free."
        )
        return Cost(count, price, True, sentence)
    if statement.is_suspended:
        told = RESET_IS_RETRIED if statement.is_retried else RESET_WAITS
        return Cost(count, price, False, told)
    affordable = images_for(available)
    if not affordable and statement.held:
        return Cost(count, price, False, "Your last credits are held for images in progress.")
    if not affordable:
        days = statement.days_until_reset(now, zone)
        refill = Refill(statement.allowance, statement.next_reset, days)
        return Cost(count, price, False, "You're out of credits.", refill)
    advice = "1 image" if affordable == 1 else f"{affordable} images or fewer"
    left = f"You have {counted(available, 'credit')} left."
    return Cost(count, price, False, f"{left} Choose {advice}.")
