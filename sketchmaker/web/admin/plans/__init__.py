"""Plans in the console: all of them, one of them, and the steps in which one is changed or made.

A change goes edit, who and when, confirm. Each page carries the draft, signed, and the revision of
the plan that was looked at; when the plan was changed meanwhile, nothing is done and what was typed
is shown beside what the plan gives now.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from sketchmaker import logs
from sketchmaker.accounts.roles import Role
from sketchmaker.credits.managing import plan_definitions, plan_edits
from sketchmaker.credits.rows import plans as plan_rows
from sketchmaker.credits.rules.errors import CreditError, UnknownPlan
from sketchmaker.credits.rules.features import Features
from sketchmaker.credits.rules.plan_errors import (
    InvalidPlanWords,
    PlanChangedMeanwhile,
    PlanNameTaken,
)
from sketchmaker.record.errors import RecordError
from sketchmaker.reports import plans as reports
from sketchmaker.web.admin.people.act import FormRefused
from sketchmaker.web.admin.people.fields import instant
from sketchmaker.web.admin.people.proposals import ProposalUnreadable
from sketchmaker.web.admin.plans import steps
from sketchmaker.web.admin.plans.drafts import Draft, locked_as_seen, unsigned
from sketchmaker.web.admin.plans.fields import FormProblems, Wanted, filled_in, sent, wanted_in
from sketchmaker.web.frame import acting
from sketchmaker.web.frame.access import requires
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, request_time, transaction
from sketchmaker.web.frame.sections import Section
from sketchmaker.web.frame.viewer import viewer_zone

blueprint = Blueprint("admin_plans", __name__, url_prefix="/admin/subscriptions")
section = Section("Plans", "tag", place=15, blueprint=blueprint)

ONE: Final = "/plans/<name>"


@blueprint.get("/plans")
def show() -> ResponseReturnValue:
    """All plans, with what they give, how many people are on them, and which are on sale."""
    with reading() as session:
        rows = reports.all_plans(session)
    return render_template("admin/plans.html", rows=rows)


@blueprint.get(ONE)
def one(name: str) -> ResponseReturnValue:
    """One plan, its versions, and what can be done with it."""
    return steps.plan_page(name, {})


@blueprint.get("/new-plan")
@requires(Role.SUPERADMIN)
def new() -> ResponseReturnValue:
    """The form for a new plan."""
    form = {"models": "basic", "resolution": "standard", "images_at_once": "1", "on_offer": "on"}
    return steps.new_page(form, {})


@blueprint.post("/new-plan")
@requires(Role.SUPERADMIN)
def create() -> ResponseReturnValue:
    """Make the plan."""
    form = sent(request.form)
    name = form.get("name", "").strip()
    try:
        wanted = wanted_in(form, Features())
        with transaction() as session:
            _make(session, name, wanted, is_on_offer="on_offer" in form)
    except FormProblems as refused:
        return steps.new_page(form, refused.problems)
    except (PlanNameTaken, InvalidPlanWords) as refused:
        return steps.new_page(form, {"name": str(refused)})
    except RecordError as refused:
        return steps.new_page(form, {"reason": str(refused)})
    logs.event("plan made", plan=name)
    flash(f"The {wanted.words.display_name} plan is made.", "success")
    return _back_to(name)


@blueprint.get(f"{ONE}/edit")
@requires(Role.SUPERADMIN)
def edit(name: str) -> ResponseReturnValue:
    """Step 1: what the plan is to give."""
    return steps.edit_page(name, None, {})


@blueprint.post(f"{ONE}/edit")
@requires(Role.SUPERADMIN)
def edit_again(name: str) -> ResponseReturnValue:
    """Step 1 again, with what was typed."""
    draft = _draft(name)
    return steps.edit_page(name, filled_in(draft.wanted), {}, seen=draft.revision)


@blueprint.post(f"{ONE}/when")
@requires(Role.SUPERADMIN)
def choose_when(name: str) -> ResponseReturnValue:
    """Step 2: who gets it, and when; or step 3 when only words change."""
    form = sent(request.form)
    revision = request.form.get("revision", 0, type=int)
    _plan, now_at, before = steps.plan_now(name)
    try:
        wanted = wanted_in(form, before.features)
    except FormProblems as refused:
        return steps.edit_page(name, form, refused.problems, seen=revision)
    if now_at != revision:
        return steps.changed_page(name, wanted)
    if wanted == before:
        return steps.edit_page(name, form, {"form": "Nothing is changed yet."}, seen=revision)
    draft = Draft(name, revision, wanted)
    if draft.changes_terms(before):
        return steps.when_page(draft, {}, {})
    return steps.confirm_page(draft, {}, {})


@blueprint.post(f"{ONE}/confirm")
@requires(Role.SUPERADMIN)
def confirm(name: str) -> ResponseReturnValue:
    """Step 3: what would happen, exactly; nothing is done yet."""
    form, draft = request.form.to_dict(), _draft(name)
    apply_to = form.get("apply_to", "")
    try:
        is_dated = apply_to == "date"
        starts_at = instant(form, "starts_at", viewer_zone()) if is_dated else None
        return steps.confirm_page(draft.going_to(apply_to, starts_at), {}, {})
    except PlanChangedMeanwhile:
        return steps.changed_page(name, draft.wanted)
    except (FormRefused, CreditError) as refused:
        field = "starts_at" if apply_to == "date" else "apply_to"
        return steps.when_page(draft, form, {field: str(refused)})


@blueprint.post(f"{ONE}/apply")
@requires(Role.SUPERADMIN)
def apply(name: str) -> ResponseReturnValue:
    """Do what was previewed, unless the plan was changed meanwhile."""
    form, draft = request.form.to_dict(), _draft(name)
    try:
        with transaction() as session:
            done = draft.apply(session, **_given())
            steps.demand_typed_name(form, done)
    except PlanChangedMeanwhile:
        return steps.changed_page(name, draft.wanted)
    except FormRefused as refused:
        return steps.confirm_page(draft, form, {refused.field: str(refused)})
    except RecordError as refused:
        return steps.confirm_page(draft, form, {"reason": str(refused)})
    except UnknownPlan:
        raise
    except CreditError as refused:
        return steps.when_page(draft, form, {"apply_to": str(refused)})
    logs.event("plan changed", plan=name)
    flash(steps.told(draft, done), "success")
    return _back_to(name)


@blueprint.post(f"{ONE}/<any(withdraw, sell, default, delete, cancel):what>")
@requires(Role.SUPERADMIN)
def change(name: str, what: str) -> ResponseReturnValue:
    """Take the plan off sale, sell it again, make it the default, delete it, or take back a version
    that is planned.
    """
    try:
        with transaction() as session:
            seen = request.form.get("revision", 0, type=int)
            shown = locked_as_seen(session, name, seen, now=request_time()).display_name
            _CHANGES[what].do(session, plan_name=name, **_given())
    except UnknownPlan:
        raise
    except PlanChangedMeanwhile as refused:
        return steps.plan_page(name, {what: str(refused)}, HTTPStatus.CONFLICT)
    except (CreditError, RecordError) as refused:
        return steps.plan_page(name, {what: str(refused)})
    logs.event("plan changed", plan=name, change=what)
    flash(_CHANGES[what].done.format(shown), "success")
    return redirect(url_for(".show"), HTTPStatus.SEE_OTHER) if what == "delete" else _back_to(name)


@blueprint.errorhandler(ProposalUnreadable)
def without_a_draft(error: ProposalUnreadable) -> ResponseReturnValue:
    """Nothing can be done with the form: back to the list."""
    flash(str(error), "warning")
    return redirect(url_for(".show"), HTTPStatus.SEE_OTHER)


@dataclass(frozen=True)
class _Change:
    """A verb for a plan as a whole, and what is said when it is done."""

    do: Callable[..., None]
    done: str


def _cancel(session: Session, *, plan_name: str, **given: Any) -> None:
    version = request.form.get("version", 0, type=int)
    plan_edits.cancel(session, plan_name=plan_name, version=version, **given)


_CHANGES: Final[Mapping[str, _Change]] = {
    "withdraw": _Change(plan_rows.deactivate, "The {} plan is withdrawn. Whoever has it stays."),
    "sell": _Change(plan_rows.activate, "The {} plan is on sale."),
    "default": _Change(plan_rows.choose_default, "New accounts get the {} plan from now on."),
    "delete": _Change(plan_definitions.remove, "The {} plan is deleted."),
    "cancel": _Change(_cancel, "The planned change of the {} plan is taken back."),
}


def _make(session: Session, name: str, wanted: Wanted, *, is_on_offer: bool) -> None:
    given = _given()
    plan_definitions.create(
        session,
        name=name,
        display_name=wanted.words.display_name,
        description=wanted.words.description,
        monthly_credits=wanted.monthly_credits,
        features=wanted.features,
        **given,
    )
    if is_on_offer:
        plan_rows.activate(session, plan_name=name, **given)


def _given() -> dict[str, Any]:
    """What every managing verb is given."""
    return {"by": acting.admin(), "reason": acting.reason(), "now": request_time()}


def _draft(name: str) -> Draft:
    draft = unsigned(request.form.get("draft", ""), parts().settings.secret_key)
    if draft.plan_name != name:
        raise ProposalUnreadable
    return draft


def _back_to(name: str) -> ResponseReturnValue:
    return redirect(url_for(".one", name=name), HTTPStatus.SEE_OTHER)
