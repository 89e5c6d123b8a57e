"""The pages of the steps in which a plan is changed or made, each with or without errors."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, get_args

from flask import make_response, render_template
from werkzeug import Response

from sketchmaker.credits.managing.plan_edit_counts import ApplyTo
from sketchmaker.credits.managing.plan_edits import PlanEdit
from sketchmaker.credits.rows.plan_versions import revision_of
from sketchmaker.credits.rows.plans import any_plan
from sketchmaker.credits.rules.features import KINDS, Features
from sketchmaker.credits.rules.plan_errors import PlanChangedMeanwhile
from sketchmaker.credits.tables import SubscriptionPlanModel
from sketchmaker.reports import plans as reports
from sketchmaker.studio.offers import MODELS
from sketchmaker.web.admin.people.act import FormRefused
from sketchmaker.web.admin.plans import drafts
from sketchmaker.web.admin.plans.drafts import Draft, wanted_of
from sketchmaker.web.admin.plans.fields import NAMED, PlanForm, Wanted, filled_in
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time
from sketchmaker.web.frame.wording import counted

Errors = Mapping[str, str]

MANY_PEOPLE: Final = 100
"""Whoever changes something for more than so many people types the plan's name."""


def plan_now(name: str) -> tuple[SubscriptionPlanModel, int, Wanted]:
    """The plan, its revision, and what it is now. Raises `UnknownPlan`."""
    with reading() as session:
        plan = any_plan(session, name)
        now = request_time()
        return plan, revision_of(session, plan, now), wanted_of(session, plan, now=now)


def plan_page(name: str, errors: Errors, status: HTTPStatus | None = None) -> Response:
    """One plan, its versions, and what can be done with it."""
    with reading() as session:
        report = reports.one_plan(session, name, now=request_time())
    return _answer("admin/plan.html", errors, status=status, report=report)


def new_page(form: PlanForm, errors: Errors) -> Response:
    """The form for a new plan."""
    return _answer("admin/plan_new.html", errors, form=form, **_choices(Features()))


def edit_page(
    name: str, form: PlanForm | None, errors: Errors, *, seen: int | None = None
) -> Response:
    """Step 1, filled in from the plan, or as it was sent by who had seen that revision."""
    plan, revision, now = plan_now(name)
    return _answer(
        "admin/plan_edit.html",
        errors,
        plan=plan,
        revision=revision if seen is None else seen,
        form=filled_in(now) if form is None else form,
        **_choices(now.features),
    )


def changed_page(name: str, wanted: Wanted) -> Response:
    """Step 1 after somebody else's change: what was typed, and how that differs from the plan now.

    The form carries the plan's revision of now, so that going on is to agree to what is shown.
    """
    plan, revision, now = plan_now(name)
    return _answer(
        "admin/plan_edit.html",
        {},
        status=HTTPStatus.CONFLICT,
        plan=plan,
        revision=revision,
        form=filled_in(wanted),
        meanwhile=drafts.changes(now, wanted),
        **_choices(now.features),
    )


def when_page(draft: Draft, form: PlanForm, errors: Errors) -> Response:
    """Step 2: each way to apply the draft, with its exact counts."""
    with reading() as session:
        plan = any_plan(session, draft.plan_name)
        ways = {
            way: draft.going_to(way).foreseen(session, now=request_time())
            for way in get_args(ApplyTo)
            if way != "date"
        }
    signed = drafts.signed(draft.going_to("next_reset"), parts().settings.secret_key)
    chosen = form.get("apply_to", draft.apply_to)
    more = {"plan": plan, "ways": ways, "draft": signed, "form": form, "chosen": chosen}
    return _answer("admin/plan_when.html", errors, **more)


def confirm_page(draft: Draft, form: PlanForm, errors: Errors) -> Response:
    """Step 3: what changes for whom, and the reason.

    Raises:
        PlanChangedMeanwhile: the plan is not at the draft's revision.
        And as `plan_edits.preview`.
    """
    with reading() as session:
        plan = any_plan(session, draft.plan_name)
        revision = revision_of(session, plan, request_time())
        if revision != draft.revision:
            raise PlanChangedMeanwhile(plan.display_name, draft.revision, revision)
        before = wanted_of(session, plan, now=request_time())
        has_terms = draft.changes_terms(before)
        foreseen = draft.foreseen(session, now=request_time()) if has_terms else None
    return _answer(
        "admin/plan_confirm.html",
        errors,
        plan=plan,
        foreseen=foreseen,
        changes=drafts.changes(before, draft.wanted),
        needs_name=_needs_name(foreseen),
        draft=drafts.signed(draft, parts().settings.secret_key),
        form=form,
    )


def demand_typed_name(form: PlanForm, done: PlanEdit | None) -> None:
    """Make sure that whoever changes something for many people has typed which plan it is.

    Raises:
        FormRefused: they have not.
    """
    if done and _needs_name(done) and form.get("typed", "").strip() != done.plan_display_name:
        raise FormRefused("typed", "Type the plan's name exactly, to be sure which one it is.")


def told(draft: Draft, done: PlanEdit | None) -> str:
    """What is said when the draft was applied."""
    name = draft.wanted.words.display_name
    if done is None:
        return f"The words of the {name} plan are changed."
    if done.apply_to == "new_subscribers":
        return f"The {name} plan is changed for new subscribers."
    people = counted(done.changing, "person", "people")
    when = {"now": "now", "next_reset": "at their next reset", "date": "from the date on"}
    return f"The {name} plan is changed for {people}, {when[done.apply_to]}, and for newcomers."


def _needs_name(foreseen: PlanEdit | None) -> bool:
    return foreseen is not None and foreseen.changing > MANY_PEOPLE


def _choices(features: Features) -> dict[str, Any]:
    """What the form's fields offer: also models of the plan that the studio no longer has."""
    known = {model.name: model.label for model in MODELS.values()}
    had = features.models if isinstance(features.models, list) else []
    return {
        "models": {name: name for name in had if name not in known} | known,
        "feature_words": drafts.FEATURE_WORDS,
        "made_words": {name: KINDS[name].words(getattr(features, name)) for name in NAMED},
    }


def _answer(
    template: str, errors: Errors, *, status: HTTPStatus | None = None, **more: Any
) -> Response:
    usual = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return make_response(render_template(template, errors=errors, **more), status or usual)
