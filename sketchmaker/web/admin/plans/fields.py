"""The form of a plan: its fields, filled in from a plan, and read back without trust."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from werkzeug.datastructures import MultiDict

from sketchmaker.credits.managing.plan_definitions import MAX_DESCRIPTION, MAX_DISPLAY_NAME
from sketchmaker.credits.rules.features import (
    ALL_MODELS,
    BASIC_MODELS,
    KINDS,
    MAX_IMAGES_AT_ONCE,
    WORDS,
    Feature,
    Features,
    features_from,
)
from sketchmaker.credits.rules.plan_errors import InvalidFeatures
from sketchmaker.web.admin.people.act import FormRefused
from sketchmaker.web.admin.people.fields import amount, number

SOME_MODELS: Final = "some"
NAMED: Final = tuple(name for name in KINDS if name != WORDS)
SWITCHES: Final = ("lora_training", "api_access", "priority")

PlanForm = Mapping[str, Any]
"""The fields by name, as they are typed. `model` is a list; a switch is there when it is on."""


class FormProblems(ValueError):
    """Some fields can't be used: `problems` has one sentence for each."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class PlanWords:
    """What people call a plan, and the sentence below that; may be empty."""

    display_name: str
    description: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a plan is to be, as a form says."""

    words: PlanWords
    monthly_credits: int
    features: Features


def sent(form: MultiDict[str, str]) -> PlanForm:
    """The form as it was sent."""
    return {**form.to_dict(), "model": form.getlist("model")}


def filled_in(wanted: Wanted) -> PlanForm:
    """The form that says this."""
    features = wanted.features
    models = features.models
    return {
        "display_name": wanted.words.display_name,
        "description": wanted.words.description,
        "credits": str(wanted.monthly_credits),
        "models": models if isinstance(models, str) else SOME_MODELS,
        "model": [] if isinstance(models, str) else models,
        "resolution": features.resolution,
        "images_at_once": str(features.images_at_once),
        **{name: "on" for name in SWITCHES if getattr(features, name)},
        **{f"{row.name}_text": row.text or "" for row in features if row.is_enforced},
        "words": "\n".join(_words_of(features)),
    }


def wanted_in(form: PlanForm, before: Features) -> Wanted:
    """What the form says; rows stay in the order in which the plan had them before.

    Raises:
        FormProblems: fields can't be used.
    """
    problems: dict[str, str] = {}
    credits = 0
    try:
        credits = amount(form, lowest=0)
    except FormRefused as refused:
        problems[refused.field] = str(refused)
    words = _words_in(form, problems)
    features = _features_in(form, before, problems)
    if problems:
        raise FormProblems(problems)
    return Wanted(words, credits, features)


def _words_in(form: PlanForm, problems: dict[str, str]) -> PlanWords:
    words = PlanWords(form.get("display_name", "").strip(), form.get("description", "").strip())
    shown, told = words.display_name, words.description
    if not shown or len(shown) > MAX_DISPLAY_NAME or not shown.isprintable():
        problems["display_name"] = f"A name has 1 to {MAX_DISPLAY_NAME} characters, all visible."
    if len(told) > MAX_DESCRIPTION or not told.replace("\n", "").isprintable():
        problems["description"] = f"A description has at most {MAX_DESCRIPTION:,} characters."
    return words


def _features_in(form: PlanForm, before: Features, problems: dict[str, str]) -> Features:
    had = {row.name for row in before}
    named: dict[str, Feature] = {}
    for name in NAMED:
        try:
            row = _row_in(form, name)
        except FormRefused as refused:
            problems[refused.field] = str(refused)
            continue
        if name in had or row.text or row.value != KINDS[name].least:
            named[name] = row
    lines = (line.strip() for line in form.get("words", "").splitlines())
    try:
        rows = _arranged(before, named, [line for line in lines if line])
        return features_from([row.stored() for row in rows])
    except InvalidFeatures as refused:
        problems |= {
            "form" if name == "features" else name: sentence
            for name, sentence in refused.problems.items()
        }
    return before


def _row_in(form: PlanForm, name: str) -> Feature:
    value = _value_in(form, name)
    text = form.get(f"{name}_text", "").strip() or None
    if text and name in SWITCHES and not value:
        raise FormRefused(name, "Words for what is not included: switch it on, or empty them.")
    is_same = KINDS[name].accepts(value) and text == KINDS[name].words(value)
    return Feature(name, value, None if is_same else text)


def _value_in(form: PlanForm, name: str) -> object:
    if name in SWITCHES:
        return name in form
    if name == "images_at_once":
        count = number(form, name)
        if not 1 <= count <= MAX_IMAGES_AT_ONCE:
            raise FormRefused(name, f"Write a whole number from 1 to {MAX_IMAGES_AT_ONCE}.")
        return count
    if name == "models":
        return _models_in(form)
    return form.get(name, "")


def _models_in(form: PlanForm) -> str | list[str]:
    if (choice := form.get("models", "")) in {ALL_MODELS, BASIC_MODELS}:
        return str(choice)
    if choice != SOME_MODELS:
        raise FormRefused("models", "Choose which models are included.")
    if not (chosen := form.get("model")):
        raise FormRefused("models", "Choose at least one model.")
    return list(chosen)


def _arranged(
    before: Iterable[Feature], named: dict[str, Feature], lines: list[str]
) -> list[Feature]:
    """The rows in their places, and what is new after them."""
    rows = []
    for row in before:
        if row.name in named:
            rows.append(named.pop(row.name))
        elif row.name == WORDS and lines:
            rows.append(Feature(WORDS, text=lines.pop(0)))
    return [*rows, *named.values(), *(Feature(WORDS, text=line) for line in lines)]


def _words_of(features: Features) -> list[str]:
    return [row.text or "" for row in features if not row.is_enforced]
