"""What comes with a plan besides credits: a row for each feature, with a value and its words.

Standard library only. Rows are kept in the order in which a plan shows them. The engine keeps and
compares them; who offers models and sizes decides by them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from sketchmaker.credits.rules.plan_errors import InvalidFeatures

Resolution = Literal["standard", "high", "ultra"]
"""From small to large: a plan with one of them includes those before it."""

RESOLUTIONS: Final[tuple[Resolution, ...]] = get_args(Resolution)

ALL_MODELS: Final = "all"
"""Every model, also those that are yet to come."""
BASIC_MODELS: Final = "basic"
"""Whichever models the installation calls basic."""

MAX_IMAGES_AT_ONCE = 100
MAX_TEXT_CHARACTERS = 100
MAX_MODELS = 200
MAX_ROWS = 50

WORDS: Final = "words"
"""A row that is only words: it is shown and nothing is enforced by it. There may be several."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One row: what it is about, its value, and words to show instead of those made from it."""

    name: str
    value: Any = None
    text: str | None = None

    @property
    def shown_as(self) -> str | None:
        """The sentence on the plan's card; None for what is not included."""
        return self.text or KINDS[self.name].words(self.value)

    @property
    def is_enforced(self) -> bool:
        """Is more than words behind it?"""
        return self.name != WORDS

    def stored(self) -> dict[str, Any]:
        """The row as the column `features` keeps it."""
        value = {} if self.value is None else {"value": self.value}
        text = {} if self.text is None else {"text": self.text}
        return {"feature": self.name, **value, **text}


@dataclass(frozen=True, slots=True)
class Features:
    """All rows of a plan. What has no row is not included."""

    rows: tuple[Feature, ...] = ()

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.rows)

    @property
    def shown(self) -> tuple[str, ...]:
        """The sentences on the plan's card, in order."""
        return tuple(text for row in self.rows if (text := row.shown_as))

    @property
    def models(self) -> str | list[str]:
        """`ALL_MODELS`, `BASIC_MODELS`, or the names of those included."""
        return cast(str | list[str], self._value("models"))

    @property
    def resolution(self) -> Resolution:
        """The highest one included."""
        return cast(Resolution, self._value("resolution"))

    @property
    def images_at_once(self) -> int:
        """How many images one order may ask for."""
        return cast(int, self._value("images_at_once"))

    @property
    def lora_training(self) -> bool:
        """May its people train models of their own?"""
        return bool(self._value("lora_training"))

    @property
    def api_access(self) -> bool:
        """May its people use the API?"""
        return bool(self._value("api_access"))

    @property
    def priority(self) -> bool:
        """Do its people come first where others wait?"""
        return bool(self._value("priority"))

    def includes_model(self, name: str, *, is_basic: bool) -> bool:
        """May its people order from this model?"""
        if self.models == ALL_MODELS:
            return True
        return is_basic if self.models == BASIC_MODELS else name in self.models

    def includes_resolution(self, resolution: Resolution) -> bool:
        """Is it at most the plan's highest?"""
        return RESOLUTIONS.index(resolution) <= RESOLUTIONS.index(self.resolution)

    def stored(self) -> list[dict[str, Any]]:
        """The rows as the column `features` keeps them: a JSON array of objects."""
        return [row.stored() for row in self.rows]

    def _value(self, name: str) -> object:
        found = (row.value for row in self.rows if row.name == name)
        return next(found, KINDS[name].least)


def features_from(stored: object) -> Features:
    """The features that a stored array, or one sent by a form, says.

    Raises:
        InvalidFeatures: with a sentence for each row that can't be accepted, by its name.
    """
    if not isinstance(stored, Sequence) or isinstance(stored, str) or len(stored) > MAX_ROWS:
        raise InvalidFeatures({"features": f"Features are a list of at most {MAX_ROWS} rows."})
    problems: dict[str, str] = {}
    rows = [row for given in stored if (row := _row(given, problems)) is not None]
    for name in _repeated(rows):
        problems[name] = f"The feature {name} is there twice. Remove one of the two."
    if problems:
        raise InvalidFeatures(problems)
    return Features(tuple(rows))


def _row(given: object, problems: dict[str, str]) -> Feature | None:
    name = given.get("feature") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(name, str) or name not in KINDS:
        problems["features"] = f"{name!r} is no feature. Those there are: {', '.join(KINDS)}."
        return None
    if unknown := set(given) - {"feature", "value", "text"}:
        problems[name] = f"The feature {name} has no {', '.join(sorted(map(str, unknown)))}."
        return None
    row = Feature(name, given.get("value"), given.get("text"))
    kind = KINDS[name]
    if not kind.accepts(row.value):
        problems[name] = f"{row.value!r} can't be the value of {name}: {kind.advice}"
    elif not _is_text(row.text) and (name == WORDS or row.text is not None):
        problems[name] = (
            f"The words shown for {name} have 1 to {MAX_TEXT_CHARACTERS} characters, all visible."
        )
    return row


def _repeated(rows: Iterable[Feature]) -> set[str]:
    seen: set[str] = set()
    twice = set()
    for row in rows:
        if row.name in seen and row.is_enforced:
            twice.add(row.name)
        seen.add(row.name)
    return twice


def _is_text(text: object) -> bool:
    return (
        isinstance(text, str)
        and len(text.strip()) >= 1
        and len(text) <= MAX_TEXT_CHARACTERS
        and text.isprintable()
    )


def _is_choice_of_models(value: object) -> bool:
    if isinstance(value, list):
        is_short = 1 <= len(value) <= MAX_MODELS
        return is_short and all(map(_is_text, value)) and len(set(value)) == len(value)
    return value in {ALL_MODELS, BASIC_MODELS} if isinstance(value, str) else False


def _models_in_words(value: str | list[str]) -> str:
    if value == ALL_MODELS:
        return "Access to all models"
    if value == BASIC_MODELS:
        return "Basic models"
    return "1 model" if len(value) == 1 else f"{len(value)} models"


def _images_in_words(value: int) -> str:
    return "1 image at a time" if value == 1 else f"Up to {value} images at once"


_RESOLUTION_WORDS: Final[Mapping[Resolution, str]] = {
    "standard": "Standard resolution",
    "high": "High resolution",
    "ultra": "Ultra-high resolution",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What values a feature takes, how they are said, and what is true where it has no row."""

    accepts: Callable[[object], bool]
    words: Callable[[Any], str | None]
    least: object
    advice: str


def _switch(words: str) -> Kind:
    return Kind(
        accepts=lambda value: isinstance(value, bool),
        words=lambda value: words if value else None,
        least=False,
        advice="choose true or false.",
    )


KINDS: Final[Mapping[str, Kind]] = {
    "models": Kind(
        _is_choice_of_models,
        _models_in_words,
        BASIC_MODELS,
        f"choose {ALL_MODELS!r}, {BASIC_MODELS!r}, or the names of at least one model.",
    ),
    "resolution": Kind(
        lambda value: isinstance(value, str) and value in RESOLUTIONS,
        lambda value: _RESOLUTION_WORDS[value],
        RESOLUTIONS[0],
        f"choose one of {', '.join(RESOLUTIONS)}.",
    ),
    "images_at_once": Kind(
        lambda value: type(value) is int and 1 <= value <= MAX_IMAGES_AT_ONCE,
        _images_in_words,
        1,
        f"choose a whole number from 1 to {MAX_IMAGES_AT_ONCE}.",
    ),
    "lora_training": _switch("LoRA training"),
    "api_access": _switch("API access"),
    "priority": _switch("Priority support"),
    WORDS: Kind(lambda value: value is None, lambda _value: None, None, "it has none."),
}
"""Every feature there is, by its name."""
