"""What a plan includes is decided in one place, for the form and for every order."""

from typing import Any

import pytest
from sqlalchemy import update

from sketchmaker.credits.rules.errors import NoActiveSubscription
from sketchmaker.credits.rules.features import Feature, Features, features_from
from sketchmaker.credits.tables import PLANS
from sketchmaker.studio import offers
from sketchmaker.studio.errors import InvalidImageRequest, NotInPlan
from sketchmaker.studio.offers import ImageSize, Model
from tests.studio.small_studio import Studio
from tests.support.people import assert_books_close


def give(studio: Studio, plan: str, **values: Any) -> None:
    """Let the plan have these features and no others."""
    stored = [Feature(name, value).stored() for name, value in values.items()]
    with studio.database.transaction() as session:
        session.execute(update(PLANS).where(PLANS.c.name == plan).values(features=stored))


@pytest.fixture
def fine_art(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is not basic draws, in place of the scripted one that is."""
    monkeypatch.setitem(offers.MODELS, "scripted", Model("scripted", "Fine art", is_basic=False))


def test_more_images_at_once_than_the_plan_has_are_refused_before_anything_is_held(
    studio: Studio,
) -> None:
    person = studio.person()
    give(studio, "free", images_at_once=2)

    with pytest.raises(NotInPlan) as refused:
        studio.ask(person, count=3)

    assert refused.value.missing == {
        "images_at_once": "The Free plan does not include 3 images at once. The Premium plan does."
    }
    assert studio.balance(person) == (10, 0, 0)
    studio.ask(person, count=2)
    assert studio.balance(person) == (8, 2, 0)
    assert_books_close(studio.database)


def test_a_size_beyond_the_plans_resolution_is_refused(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = studio.person()
    monkeypatch.setitem(
        offers.SIZES,
        "square",
        ImageSize("square", "Square", 4096, 4096),
    )

    with pytest.raises(NotInPlan, match=r"not include ultra-high resolution\. The Pro plan does"):
        studio.ask(person)
    assert studio.ask(studio.person("pro")).width == 4096


@pytest.mark.usefixtures("fine_art")
def test_a_model_that_is_not_basic_needs_a_plan_with_all_models_or_with_it(studio: Studio) -> None:
    poor, rich = studio.person(), studio.person("premium")

    with pytest.raises(NotInPlan, match=r"the model Fine art\. The Premium plan does"):
        studio.ask(poor)
    studio.ask(rich)
    give(studio, "free", models=["scripted"])
    studio.ask(poor)


@pytest.mark.usefixtures("fine_art")
def test_everything_that_lacks_is_told_at_once_and_nobody_elses_plan_is_promised(
    studio: Studio,
) -> None:
    person = studio.person()
    for plan in ("free", "premium", "pro"):
        give(studio, plan, models="basic", images_at_once=1)

    with pytest.raises(NotInPlan) as refused:
        studio.ask(person, count=2)

    assert set(refused.value.missing) == {"models", "images_at_once"}
    assert "Ask an admin about it." in str(refused.value)
    assert str(refused.value).endswith("Nothing was charged.")


def test_a_model_that_is_not_there_is_refused_by_name(studio: Studio) -> None:
    with pytest.raises(InvalidImageRequest, match="no model 'unheard-of'"):
        studio.ask(studio.person("pro"), provider="unheard-of")


def test_who_has_no_plan_is_told_so(studio: Studio) -> None:
    with pytest.raises(NoActiveSubscription):
        studio.ask(9_999)


def test_an_order_that_came_before_is_answered_whatever_the_plan_includes_now(
    studio: Studio,
) -> None:
    person = studio.person()
    first = studio.ask(person, count=3, key="sent twice")
    give(studio, "free", images_at_once=1)
    assert studio.ask(person, count=3, key="sent twice").id == first.id


def test_the_form_marks_exactly_what_an_order_would_be_refused_for(studio: Studio) -> None:
    person = studio.person()
    give(studio, "free", images_at_once=2)

    with studio.database.reading() as session:
        choices = offers.choices_for(session, studio.statement(person))

    assert [choice.value for choice in choices.counts if not choice.locked] == [1, 2]
    assert not any(choice.locked for choice in choices.sizes)
    assert len(choices.reasons) == 2
    for choice in choices.counts:
        if choice.locked:
            with pytest.raises(NotInPlan, match=choice.locked):
                studio.ask(person, count=choice.value)


def test_every_size_has_a_resolution_that_every_plan_may_have() -> None:
    assert {size.resolution for size in offers.SIZES.values()} == {"standard"}
    assert ImageSize("x", "X", 1025, 1024).resolution == "high"
    assert ImageSize("x", "X", 4096, 4096).resolution == "ultra"


def test_a_card_begins_with_the_images_of_a_month() -> None:
    basic = features_from([{"feature": "models", "value": "basic"}])
    assert offers.card_lines(basic, 1000) == ("1,000 images per month", "Basic models")
    assert offers.card_lines(Features(), 1) == ("1 image per month",)
