"""What may be asked for, by whom, and what it costs: the one answer for every way in.

Prices and entitlements are the server's own, never the client's. An order goes through
`refuse_what_is_not_included` before anything is held for it; a page asks `choices_for`, which
decides by the same needs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from sketchmaker.credits.reading.statement import Statement, statement_for
from sketchmaker.credits.rows import plans
from sketchmaker.credits.rules.features import RESOLUTIONS, Features, Resolution
from sketchmaker.studio.errors import InvalidImageRequest, NotInPlan

CREDITS_PER_IMAGE = 1
MAX_IMAGES_PER_GENERATION = 4
MIN_PROMPT_CHARACTERS = 3
MAX_PROMPT_CHARACTERS = 1000
MAX_SEED = 2**31 - 1

MOST_PIXELS: Mapping[Resolution, int] = {
    "standard": 1024 * 1024,
    "high": 2048 * 2048,
    "ultra": 4096 * 4096,
}
"""How large a picture of each resolution is at the most."""


@dataclass(frozen=True, slots=True)
class ImageSize:
    """A size on offer, in pixels."""

    name: str
    label: str
    width: int
    height: int

    @property
    def resolution(self) -> Resolution:
        """The lowest resolution that reaches to this size."""
        pixels = self.width * self.height
        return next(each for each in RESOLUTIONS if pixels <= MOST_PIXELS[each])


@dataclass(frozen=True, slots=True)
class Model:
    """What draws. Basic models come with every plan that says "basic"."""

    name: str
    label: str
    is_basic: bool


SIZES: Mapping[str, ImageSize] = {
    size.name: size
    for size in (
        ImageSize("square", "Square", 1024, 1024),
        ImageSize("portrait", "Portrait", 832, 1216),
        ImageSize("landscape", "Landscape", 1216, 832),
    )
}

MODELS: dict[str, Model] = {"sandbox": Model("sandbox", "Sandbox", is_basic=True)}


@dataclass(frozen=True, slots=True)
class Need:
    """What an order needs of a plan: which feature, in which words, and when it is included."""

    feature: str
    words: str
    is_met_by: Callable[[Features], bool]


Option = TypeVar("Option")


@dataclass(frozen=True, slots=True)
class Choice(Generic[Option]):
    """One value on a form. `locked` is the sentence why this person's plan does not have it."""

    value: Option
    locked: str | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """Everything that the studio offers, with what the person's plan does not include marked."""

    sizes: tuple[Choice[ImageSize], ...]
    counts: tuple[Choice[int], ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why something is locked, each sentence once."""
        reasons = [choice.locked for choice in self.sizes]
        reasons += [choice.locked for choice in self.counts]
        return tuple(dict.fromkeys(reason for reason in reasons if reason))


def cost_of(images: int) -> int:
    """Credits for this many images, ordered now. What was ordered keeps the price of its order."""
    return images * CREDITS_PER_IMAGE


def images_for(credits: int) -> int:
    """How many images this many credits are enough for."""
    return credits // CREDITS_PER_IMAGE


def card_lines(features: Features, monthly_credits: int) -> tuple[str, ...]:
    """What a plan's card says comes with it, the images of a month first."""
    images = images_for(monthly_credits)
    return (f"{images:,} {'image' if images == 1 else 'images'} per month", *features.shown)


def needs_of(*, model: Model, size: ImageSize, count: int) -> tuple[Need, ...]:
    """What a plan must include for such an order."""
    return (_need_of_model(model), _need_of_size(size), _need_of_count(count))


def refuse_what_is_not_included(
    session: Session, *, user_id: int, model: str, size: ImageSize, count: int, now: datetime
) -> None:
    """Make sure that the person's plan includes all that the order needs.

    Raises:
        NotInPlan: with a sentence for each feature that it lacks.
        InvalidImageRequest: there is no such model.
        NoActiveSubscription: the person has no plan.
    """
    if model not in MODELS:
        raise InvalidImageRequest({"model": f"There is no model {model!r}. Choose another."})
    own = statement_for(session, user_id, now=now)
    needs = needs_of(model=MODELS[model], size=size, count=count)
    missing = [need for need in needs if not need.is_met_by(own.features)]
    if missing:
        others = _others_on_offer(session)
        raise NotInPlan({need.feature: _refusal(need, own, others) for need in missing})


def choices_for(session: Session, own: Statement | None) -> Choices:
    """The studio's form for somebody on this plan. Without a plan nothing is marked."""
    sizes = [(size, _need_of_size(size)) for size in SIZES.values()]
    counts = [(n, _need_of_count(n)) for n in range(1, MAX_IMAGES_PER_GENERATION + 1)]
    return Choices(tuple(_marked(session, own, sizes)), tuple(_marked(session, own, counts)))


def _marked(
    session: Session, own: Statement | None, options: Sequence[tuple[Option, Need]]
) -> list[Choice[Option]]:
    if own is None or all(need.is_met_by(own.features) for _, need in options):
        return [Choice(option) for option, _ in options]
    others = _others_on_offer(session)
    return [
        Choice(option, None if need.is_met_by(own.features) else _refusal(need, own, others))
        for option, need in options
    ]


def _need_of_model(model: Model) -> Need:
    return Need(
        "models",
        f"the model {model.label}",
        lambda features: features.includes_model(model.name, is_basic=model.is_basic),
    )


def _need_of_size(size: ImageSize) -> Need:
    names = {"standard": "standard", "high": "high", "ultra": "ultra-high"}
    return Need(
        "resolution",
        f"{names[size.resolution]} resolution",
        lambda features: features.includes_resolution(size.resolution),
    )


def _need_of_count(count: int) -> Need:
    return Need(
        "images_at_once",
        "1 image at a time" if count == 1 else f"{count} images at once",
        lambda features: features.images_at_once >= count,
    )


def _others_on_offer(session: Session) -> list[tuple[str, Features]]:
    return [(plan.display_name, plan.included) for plan in plans.active_plans(session)]


def _refusal(need: Need, own: Statement, others: Iterable[tuple[str, Features]]) -> str:
    """Whose plan lacks what; and the smallest plan on offer that has it."""
    have = (name for name, features in others if need.is_met_by(features))
    plan = next(have, None)
    advice = "Ask an admin about it." if plan is None else f"The {plan} plan does."
    return f"The {own.plan_display_name} plan does not include {need.words}. {advice}"
