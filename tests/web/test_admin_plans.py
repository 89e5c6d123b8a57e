"""Superadmins make and change plans in steps: edit, who and when, confirm."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from werkzeug.test import TestResponse

from sketchmaker.accounts.roles import Role
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits.reading.statement import statement_for
from sketchmaker.credits.rows.plans import any_plan
from sketchmaker.credits.tables import SubscriptionPlanModel
from sketchmaker.web.admin.plans import steps
from tests.support.people import assert_books_close
from tests.support.web_system import enrolled
from tests.web.accounts.browser import Browser

pytestmark = pytest.mark.slow  # all of them together

PLANS = "/admin/subscriptions/plans"
REASON = "Prices went down."
PREMIUM = {
    "display_name": "Premium",
    "description": "For people who make images every week.",
    "credits": "100",
    "models": "all",
    "resolution": "high",
    "images_at_once": "4",
    "lora_training": "on",
}


@pytest.fixture
def owner(person: Callable[..., Browser]) -> Browser:
    return person("leila", role=Role.SUPERADMIN)


def plan(system: System, name: str = "premium") -> SubscriptionPlanModel:
    with system.database.reading() as session:
        return any_plan(session, name)


def available(system: System, user_id: int) -> int:
    with system.database.reading() as session:
        return statement_for(session, user_id, now=system.clock.now()).available


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page)
    assert found, page
    return found[1]


def edited(owner: Browser, **fields: str) -> TestResponse:
    """Step 1 sent: the form as it is for Premium, but for these fields; "" takes one away."""
    revision = hidden(owner.get(f"{PLANS}/premium/edit").text, "revision")
    form = {name: text for name, text in {**PREMIUM, **fields}.items() if text or name in fields}
    return owner.post(f"{PLANS}/premium/when", {**form, "revision": revision})


def confirmed(owner: Browser, step: TestResponse, apply_to: str, **fields: str) -> TestResponse:
    """Step 2 sent."""
    assert step.status_code == 200, step.text
    form = {"draft": hidden(step.text, "draft"), "apply_to": apply_to, **fields}
    return owner.post(f"{PLANS}/premium/confirm", form)


def applied(owner: Browser, step: TestResponse, **fields: str) -> TestResponse:
    """Step 3 sent."""
    assert step.status_code == 200, step.text
    form = {"draft": hidden(step.text, "draft"), "reason": REASON, **fields}
    return owner.post(f"{PLANS}/premium/apply", form)


def test_admins_see_the_list_and_change_nothing(admin: Browser, system: System) -> None:
    enrolled(system, "mara", plan="premium")
    page = admin.get(PLANS).text
    for words in ("Free", "Premium", "Pro", "on sale", "default", "Access to all models"):
        assert words in page
    assert "New plan" not in page
    assert "1 subscriber" in admin.get(f"{PLANS}/premium").text
    assert admin.get(f"{PLANS}/premium/edit").status_code == 403
    assert admin.post(f"{PLANS}/premium/withdraw", {"reason": REASON}).status_code == 403


def test_a_plan_that_is_not_there_is_not_found(owner: Browser) -> None:
    for path in (f"{PLANS}/gold", f"{PLANS}/gold/edit"):
        assert owner.get(path).status_code == 404
    assert owner.post(f"{PLANS}/gold/when").status_code == 404
    assert owner.post(f"{PLANS}/gold/sell").status_code == 404


def test_everybody_changes_at_their_next_reset_as_previewed(
    owner: Browser, system: System, clock: ManualClock
) -> None:
    mara = enrolled(system, "mara", plan="premium")
    when = edited(owner, credits="150", lora_training_text="Train your own style")
    assert "1 person changes at their own reset" in when.text

    confirm = confirmed(owner, when, "next_reset")
    assert "1 of 1" in confirm.text
    assert "Train your own style" in confirm.text
    assert plan(system).monthly_credits == 100

    answer = applied(owner, confirm)
    assert answer.status_code == 303, answer.text
    assert "changed for 1 person" in owner.get(answer.headers["Location"]).text
    assert plan(system).monthly_credits == 150
    assert "Train your own style" in plan(system).included.shown
    assert REASON in owner.get("/admin/audit/").text
    assert available(system, mara.id) == 100
    clock.advance(timedelta(days=32))
    assert available(system, mara.id) == 150
    assert_books_close(system.database)


@pytest.mark.parametrize(("apply_to", "left"), [("now", 150), ("new_subscribers", 100)])
def test_everybody_or_nobody_changes_now(
    owner: Browser, system: System, apply_to: str, left: int
) -> None:
    mara = enrolled(system, "mara", plan="premium")
    confirm = confirmed(owner, edited(owner, credits="150"), apply_to)
    assert applied(owner, confirm).status_code == 303
    assert available(system, mara.id) == left
    assert_books_close(system.database)


def test_a_change_on_a_date_is_planned_and_can_be_taken_back(
    owner: Browser, system: System, clock: ManualClock
) -> None:
    day = (clock.now() + timedelta(days=40)).strftime("%Y-%m-%dT%H:%M")
    confirm = confirmed(owner, edited(owner, credits="150"), "date", starts_at=day)
    page = owner.get(applied(owner, confirm).headers["Location"]).text
    assert "planned" in page
    assert plan(system).monthly_credits == 100

    form = {"revision": hidden(page, "revision"), "version": "2", "reason": REASON}
    assert owner.post(f"{PLANS}/premium/cancel", form).status_code == 303
    assert "taken back" in owner.get(f"{PLANS}/premium").text
    assert "planned" not in owner.get(f"{PLANS}/premium").text


@pytest.mark.parametrize("day", ["", "soon", "2001-01-01T00:00"])
def test_a_date_is_one_to_come(owner: Browser, day: str) -> None:
    answer = confirmed(owner, edited(owner, credits="150"), "date", starts_at=day)
    assert answer.status_code == 422
    assert "Choose a date" in answer.text


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("credits", "many", "Write a whole number"),
        ("images_at_once", "500", "from 1 to 100"),
        ("display_name", "", "A name has"),
        ("models", "some", "Choose at least one model"),
        ("priority_text", "First in line", "switch it on"),
        ("resolution", "huge", "resolution"),
        ("words", "x" * 101, "words"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(
    owner: Browser, field: str, text: str, sentence: str
) -> None:
    answer = edited(owner, **{"description": "Typed <just> now.", field: text})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "Typed &lt;just&gt; now." in answer.text


def test_the_form_says_which_words_are_made_from_the_values(owner: Browser) -> None:
    page = owner.get(f"{PLANS}/premium/edit").text
    assert "so far: Up to 4 images at once." in page
    assert "so far: Access to all models." in page
    assert "so far: API access" not in page


def test_the_form_as_it_is_changes_nothing(owner: Browser) -> None:
    answer = edited(owner)
    assert answer.status_code == 422
    assert "Nothing is changed yet." in answer.text


def test_words_alone_change_at_once_without_a_version(owner: Browser, system: System) -> None:
    step = edited(owner, display_name="Maker", words="A mug\nA sticker")
    assert "Who and when" in step.text  # the lines are of a version
    confirm = edited(owner, display_name="Maker")
    assert "Words change for everybody at once" in confirm.text
    assert applied(owner, confirm).status_code == 303
    assert plan(system).display_name == "Maker"
    assert "Versions" not in owner.get(f"{PLANS}/premium").text


def test_going_back_loses_nothing(owner: Browser) -> None:
    when = edited(owner, credits="151", words="A mug", models="some", model="sandbox")
    back = owner.post(f"{PLANS}/premium/edit", {"draft": hidden(when.text, "draft")})
    assert back.status_code == 200
    assert 'value="151"' in back.text
    assert ">A mug</textarea>" in back.text
    assert re.search(r'value="sandbox" checked', back.text)


def test_a_change_by_somebody_else_is_shown_beside_what_was_typed(
    owner: Browser, system: System
) -> None:
    confirm = confirmed(owner, edited(owner, credits="150"), "now")
    other = confirmed(owner, edited(owner, credits="120"), "now")
    assert applied(owner, other).status_code == 303

    answer = applied(owner, confirm)
    assert answer.status_code == 409
    assert "changed while you were at it" in answer.text
    assert 'value="150"' in answer.text
    assert "120" in answer.text
    assert plan(system).monthly_credits == 120


def test_neither_an_error_nor_going_back_hides_a_change_by_somebody_else(owner: Browser) -> None:
    when = edited(owner, credits="150")
    revision = hidden(owner.get(f"{PLANS}/premium/edit").text, "revision")
    other = confirmed(owner, edited(owner, credits="120"), "now")
    assert applied(owner, other).status_code == 303

    wrong = {**PREMIUM, "credits": "many", "revision": revision}
    refused = owner.post(f"{PLANS}/premium/when", wrong)
    back = owner.post(f"{PLANS}/premium/edit", {"draft": hidden(when.text, "draft")})
    for page in (refused.text, back.text):
        mended = {**PREMIUM, "credits": "150", "revision": hidden(page, "revision")}
        answer = owner.post(f"{PLANS}/premium/when", mended)
        assert answer.status_code == 409
        assert "changed while you were at it" in answer.text


def test_the_same_form_sent_twice_acts_once(owner: Browser, system: System) -> None:
    confirm = confirmed(owner, edited(owner, credits="150"), "now")
    assert applied(owner, confirm).status_code == 303
    assert applied(owner, confirm).status_code == 409
    assert plan(system).revision == 2


def test_of_two_who_confirm_at_the_same_time_one_is_shown_the_others_change(
    owner: Browser, person: Callable[..., Browser], system: System
) -> None:
    other = person("olga", role=Role.SUPERADMIN)
    pages = [
        (each, confirmed(each, edited(each, credits=credits), "now"))
        for each, credits in ((owner, "150"), (other, "120"))
    ]
    together = Barrier(2)

    def press(browser: Browser, page: TestResponse) -> int:
        together.wait()
        return applied(browser, page).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = [each.result() for each in [pool.submit(press, *page) for page in pages]]
    assert sorted(answers) == [303, 409]
    assert plan(system).revision == 2
    assert_books_close(system.database)


def test_a_change_says_why(owner: Browser, system: System) -> None:
    confirm = confirmed(owner, edited(owner, credits="150"), "now")
    answer = applied(owner, confirm, reason=" ")
    assert answer.status_code == 422
    assert "Say why" in answer.text
    assert plan(system).monthly_credits == 100


def test_a_change_for_many_is_confirmed_by_the_plans_name(
    owner: Browser, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "MANY_PEOPLE", 1)
    for name in ("mara", "nils"):
        enrolled(system, name, plan="premium")
    confirm = confirmed(owner, edited(owner, credits="150"), "now")
    assert "Type Premium to confirm" in confirm.text
    for typed in ("", "Pro"):
        answer = applied(owner, confirm, typed=typed)
        assert answer.status_code == 422
        assert REASON in answer.text
    assert plan(system).monthly_credits == 100
    assert applied(owner, confirm, typed="Premium").status_code == 303
    assert plan(system).monthly_credits == 150


def test_a_plan_is_made_and_deleted_while_nobody_had_it(owner: Browser, system: System) -> None:
    form = {**PREMIUM, "name": "team-2", "display_name": "Team", "credits": "500"}
    made = owner.post("/admin/subscriptions/new-plan", {**form, "reason": REASON})
    assert made.status_code == 303, made.text
    assert not plan(system, "team-2").is_active
    assert plan(system, "team-2").included == plan(system).included

    act(owner, "sell", "team-2")
    assert "Team" in owner.get("/pricing").text
    act(owner, "delete", "team-2")
    assert "The Team plan is deleted." in owner.get(PLANS).text
    assert "Team" not in owner.get(PLANS).text


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("name", "premium", "already"),
        ("name", "Team 2", "letters a to z"),
        ("credits", "-1", "Write a whole number"),
        ("reason", "", "Say why"),
    ],
)
def test_what_is_wrong_with_a_new_plan_is_said(
    owner: Browser, field: str, text: str, sentence: str
) -> None:
    form = {**PREMIUM, "name": "team", "reason": REASON, field: text}
    answer = owner.post("/admin/subscriptions/new-plan", form)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert PREMIUM["description"] in answer.text


def act(owner: Browser, what: str, name: str = "premium", **fields: str) -> TestResponse:
    revision = hidden(owner.get(f"{PLANS}/{name}").text, "revision")
    form = {"revision": revision, "reason": REASON, **fields}
    return owner.post(f"{PLANS}/{name}/{what}", form)


def test_a_plan_in_use_is_withdrawn_and_sold_again_but_not_deleted(
    owner: Browser, system: System
) -> None:
    enrolled(system, "mara", plan="premium")
    assert "can't be deleted" in owner.get(f"{PLANS}/premium").text
    assert act(owner, "delete").status_code == 422

    assert act(owner, "withdraw").status_code == 303
    assert "withdrawn" in owner.get(PLANS).text
    assert "Premium" not in owner.get("/pricing").text
    assert act(owner, "sell").status_code == 303
    assert plan(system).is_active


def test_the_default_plan_is_chosen_and_stays_on_sale(owner: Browser, system: System) -> None:
    assert act(owner, "default").status_code == 303
    assert plan(system).is_default
    page = owner.get(f"{PLANS}/premium").text
    assert "New accounts get this plan" in page
    form = {"revision": str(plan(system).revision), "reason": REASON}
    assert owner.post(f"{PLANS}/premium/withdraw", form).status_code == 422
    assert plan(system).is_active


def test_an_act_on_a_plan_says_why_and_is_refused_when_it_was_changed_meanwhile(
    owner: Browser, system: System
) -> None:
    answer = act(owner, "withdraw", reason="")
    assert answer.status_code == 422
    assert "Say why" in answer.text
    assert act(owner, "withdraw", revision="0").status_code == 409
    assert plan(system).is_active


def test_a_draft_that_this_console_did_not_sign_does_nothing(owner: Browser) -> None:
    for step in ("edit", "confirm", "apply"):
        answer = owner.post(f"{PLANS}/premium/{step}", {"draft": "made up", "reason": REASON})
        assert answer.status_code == 303
        assert "out of date" in owner.get(PLANS).text
