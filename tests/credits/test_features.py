"""Features of a plan: rows with a value and its words, checked by name."""

from typing import Any

import pytest

from sketchmaker.credits.rules.features import Feature, Features, features_from
from sketchmaker.credits.rules.plan_errors import InvalidFeatures


def row(name: str, value: Any = None, text: str | None = None) -> dict[str, Any]:
    return Feature(name, value, text).stored()


def test_words_are_made_from_the_value_unless_others_are_given() -> None:
    features = features_from(
        [
            row("models", "all"),
            row("resolution", "ultra", "Up to 16 megapixels"),
            row("images_at_once", 4),
            row("lora_training", value=True),
            row("api_access", value=False),
            row("words", text="Priority support"),
        ]
    )

    assert features.shown == (
        "Access to all models",
        "Up to 16 megapixels",
        "Up to 4 images at once",
        "LoRA training",
        "Priority support",
    )
    assert features_from(features.stored()) == features


def test_what_has_no_row_is_not_included() -> None:
    nothing = Features()

    assert (nothing.models, nothing.resolution, nothing.images_at_once) == ("basic", "standard", 1)
    assert not (nothing.lora_training or nothing.api_access or nothing.priority)


@pytest.mark.parametrize(
    ("models", "included"),
    [("all", {"sandbox", "flux"}), ("basic", {"sandbox"}), (["flux"], {"flux"})],
)
def test_models_are_all_the_basic_ones_or_those_named(models: Any, included: set[str]) -> None:
    features = features_from([row("models", models)])
    is_basic = {"sandbox": True, "flux": False}
    assert {
        name for name, basic in is_basic.items() if features.includes_model(name, is_basic=basic)
    } == included


def test_a_resolution_includes_those_below_it() -> None:
    features = features_from([row("resolution", "high")])
    assert features.includes_resolution("standard")
    assert features.includes_resolution("high")
    assert not features.includes_resolution("ultra")


@pytest.mark.parametrize(
    ("stored", "named"),
    [
        ([row("models", [])], "models"),
        ([row("models", ["a", "a"])], "models"),
        ([row("models", [["a"]])], "models"),
        ([row("models", "some")], "models"),
        ([row("resolution", "huge")], "resolution"),
        ([row("resolution", ["high"])], "resolution"),
        ([row("images_at_once", value=True)], "images_at_once"),
        ([row("images_at_once", 0)], "images_at_once"),
        ([row("images_at_once", 1.0)], "images_at_once"),
        ([row("lora_training", 1)], "lora_training"),
        ([row("api_access", value=True, text="")], "api_access"),
        ([row("api_access", value=True, text="a\0b")], "api_access"),
        ([row("words")], "words"),
        ([row("words", 3, "Three")], "words"),
        ([row("models", "all"), row("models", "basic")], "models"),
        ([{"feature": "models", "value": "all", "unit": "x"}], "models"),
        ([{"feature": "teleport", "value": True}], "features"),
        (["Basic models"], "features"),
        ({"models": "all"}, "features"),
        ("all", "features"),
        (None, "features"),
    ],
)
def test_what_can_not_be_is_refused_by_name(stored: Any, named: str) -> None:
    with pytest.raises(InvalidFeatures) as refused:
        features_from(stored)
    assert list(refused.value.problems) == [named]


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InvalidFeatures) as refused:
        features_from([row("resolution", "huge"), row("images_at_once", -1)])
    assert set(refused.value.problems) == {"resolution", "images_at_once"}
