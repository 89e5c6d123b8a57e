"""The studio's form: what is filled in, what is wrong with it, what it would cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sketchmaker.credits.statement import Statement
from sketchmaker.randomness import token
from sketchmaker.studio.models_on_offer import (
    MAX_IMAGES_PER_GENERATION,
    MAX_PROMPT_CHARACTERS,
    SIZES,
    cost_of,
)
from sketchmaker.studio.requests import ImageRequest, validated
from sketchmaker.studio.tables import Generation
from sketchmaker.web.wording import counted

NUMBERS: Final = ("no", "the", "both", "all three", "all four")
LONGEST_NUMBER: Final = 12


@dataclass(frozen=True)
class StudioForm:
    """The fields as text, and a sentence for each that has a problem."""

    prompt: str = ""
    size: str = next(iter(SIZES))
    count: int = 1
    seed: str = ""
    request_key: str = field(default_factory=token)
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def longest_prompt(self) -> int:
        """In characters."""
        return MAX_PROMPT_CHARACTERS

    @property
    def counts(self) -> range:
        """The numbers of images on offer."""
        return range(1, MAX_IMAGES_PER_GENERATION + 1)


@dataclass(frozen=True)
class Cost:
    """Can this many images be paid, and what is there to say about it?"""

    count: int
    can_generate: bool
    sentence: str
    is_out_of_credits: bool = False


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


def form_like(generation: Generation, seed: int) -> StudioForm:
    """A form that makes another image like one of this generation."""
    return StudioForm(prompt=generation.prompt, size=generation.size, seed=str(seed))


def number_in(text: str) -> int | str:
    """The whole number that is written there; else the text, for somebody to complain about."""
    digits = text.strip()
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_NUMBER
    return int(digits) if is_number else text


def cost_for(count: int, statement: Statement | None) -> Cost:
    """What this many images would cost the person, in a sentence."""
    if statement is None:
        return Cost(count, False, "This account has no active plan. Ask an admin to assign one.")
    available, cost = statement.available, cost_of(count)
    if available == 0 and statement.held:
        return Cost(count, False, "Your last credits are held for images that are being drawn.")
    if available == 0:
        used_up = "You have used all your credits. Contact admin to upgrade your plan."
        return Cost(count, False, used_up, is_out_of_credits=True)
    if cost > available:
        advice = f"choose {counted(available, 'image')}"
        return Cost(count, False, f"You have {counted(available, 'credit')}; {advice}.")
    images = "image succeeds" if count == 1 else "images succeed"
    sentence = (
        f"Costs {counted(cost, 'credit')} if {NUMBERS[count]} {images}; you have {available:,}."
    )
    return Cost(count, True, sentence)
