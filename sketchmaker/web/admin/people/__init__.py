"""One person in the console: what they have, why, and what an admin can do about it."""

from http import HTTPStatus
from typing import Final

from flask import (
    Blueprint,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from werkzeug import Response

from sketchmaker import logs
from sketchmaker.credits.reading.statement import Statement
from sketchmaker.credits.rules.errors import CreditError, NoActiveSubscription
from sketchmaker.record.errors import RecordError
from sketchmaker.reports import people
from sketchmaker.web.admin.people import forms, proposals
from sketchmaker.web.admin.people.act import Form, FormRefused
from sketchmaker.web.admin.people.acts import ACTS
from sketchmaker.web.admin.people.page import page_of
from sketchmaker.web.admin.people.proposals import (
    Applied,
    Conflict,
    Proposal,
    ProposalUnreadable,
)
from sketchmaker.web.frame import acting
from sketchmaker.web.frame.balance_words import STEP_WORDS
from sketchmaker.web.frame.paging import HIGHEST_ID
from sketchmaker.web.frame.parts import parts
from sketchmaker.web.frame.request_scope import reading, rehearsal, request_time, transaction
from sketchmaker.web.frame.wording import counted

blueprint = Blueprint("admin_people", __name__, url_prefix="/admin/users")

ONE: Final = f"/<int(max={HIGHEST_ID}):user_id>"


@blueprint.get(ONE)
def show(user_id: int) -> ResponseReturnValue:
    """The person; `?step=` narrows the ledger to what stands behind one number."""
    with reading() as session:
        page = page_of(session, user_id, now=request_time())
    return render_template("admin/person.html", page=page, step_words=STEP_WORDS)


@blueprint.get(f"{ONE}/<any(credits, plan, resets):name>")
def form(user_id: int, name: str) -> ResponseReturnValue:
    """The form to modify credits, to change the plan, or to do something about resets."""
    return forms.form_page(name, user_id, {}, {})


@blueprint.post(f"{ONE}/preview/<act_name>")
def preview(user_id: int, act_name: str) -> ResponseReturnValue:
    """What an act would do; nothing is done yet."""
    if act_name not in ACTS:
        abort(404)
    sent = _with_plan_and_time(request.form.to_dict())
    try:
        return _confirmation(_foreseen(user_id, act_name, sent))
    except NoActiveSubscription:
        raise
    except FormRefused as refused:
        errors = {refused.field: str(refused)}
    except (CreditError, RecordError) as refused:
        errors = {"form": str(refused)}
    name = forms.FORM_OF_ACT.get(act_name, forms.RESETS)
    return forms.form_page(name, user_id, {**sent, "act": act_name}, errors)


@blueprint.post(f"{ONE}/apply")
def apply(user_id: int) -> ResponseReturnValue:
    """Do what was previewed, unless the numbers have changed meanwhile."""
    try:
        proposal = proposals.unsigned(request.form.get("proposal", ""), _secret())
        if proposal.user_id != user_id:
            abort(404)
        with transaction() as session:
            applied = proposals.apply(session, proposal, by=acting.admin(), now=request_time())
    except Conflict as conflict:
        return _confirmation(conflict.fresh, seen=conflict.seen)
    except NoActiveSubscription:
        raise
    except (ProposalUnreadable, CreditError, RecordError) as refused:
        flash(str(refused), "warning")
    else:
        _tell(applied)
    return redirect(url_for(".show", user_id=user_id), HTTPStatus.SEE_OTHER)


@blueprint.errorhandler(NoActiveSubscription)
def without_a_plan(error: NoActiveSubscription) -> ResponseReturnValue:
    """There is nothing to change: back to the person, who is shown as being without a plan."""
    flash("They have no active subscription, so there is nothing to change.", "warning")
    return redirect(url_for(".show", user_id=error.user_id), HTTPStatus.SEE_OTHER)


def _foreseen(user_id: int, act_name: str, sent: Form) -> Proposal:
    now = request_time()
    act = ACTS[act_name].from_form(sent, _own(user_id), now)
    with rehearsal() as session:
        return proposals.foresee(
            session,
            act,
            user_id=user_id,
            reason=sent.get("reason", "").strip() or act.reason_if_none,
            by=acting.admin(),
            now=now,
        )


def _confirmation(proposal: Proposal, *, seen: Proposal | None = None) -> Response:
    with reading() as session:
        report = people.person(session, proposal.user_id, now=request_time())
    page = render_template(
        "admin/person_confirm.html",
        report=report,
        proposal=proposal,
        seen=seen,
        signed=proposals.signed(proposal, _secret()),
    )
    return make_response(page, HTTPStatus.CONFLICT if seen else HTTPStatus.OK)


def _tell(applied: Applied) -> None:
    proposal = applied.proposal
    if applied.subscription_id is None:
        flash("That was done before, by the same form. Nothing was done twice.", "info")
        return
    parts().scheduler.schedule_user_reset(applied.subscription_id)
    logs.event("console act", user=proposal.user_id, act=proposal.act.name)
    available = counted(proposal.after.available, "credit")
    flash(f"{proposal.act.words}: done. Available now: {available}.", "success")


def _own(user_id: int) -> Statement:
    with reading() as session:
        own = people.statement_of(session, user_id, now=request_time())
    if own is None:
        raise NoActiveSubscription(user_id)
    return own


def _with_plan_and_time(sent: Form) -> Form:
    """The form; its `choice`, a plan and a time in one, is split in two."""
    plan, _, when = sent.get("choice", "").partition("|")
    return {**sent, "plan": plan, "when": when} if plan else sent


def _secret() -> str:
    return parts().settings.secret_key
