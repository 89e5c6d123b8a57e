"""The forms of the acts on one person, as they are first and as they come back with an error."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from flask import make_response, render_template
from sqlalchemy.orm import Session
from werkzeug import Response

from sketchmaker.credits.rows import plans
from sketchmaker.credits.rules.errors import CreditError, NoActiveSubscription
from sketchmaker.reports import people
from sketchmaker.web.admin.people import proposals
from sketchmaker.web.admin.people.act import Form
from sketchmaker.web.admin.people.plan_acts import WHEN_WORDS, ChangePlan
from sketchmaker.web.admin.people.proposals import Proposal
from sketchmaker.web.frame import acting
from sketchmaker.web.frame.request_scope import reading, rehearsal, request_time

Errors = Mapping[str, str]

CREDITS, PLAN, RESETS = "credits", "plan", "resets"

FORM_OF_ACT: Final[Mapping[str, str]] = {
    "add-credits": CREDITS,
    "set-credits": CREDITS,
    "take-back": CREDITS,
    ChangePlan.name: PLAN,
}
"""Which form an act comes from. The others come from the form of resets."""


@dataclass(frozen=True)
class PlanChoice:
    """One way to change the plan, foreseen; `refusal` says why it can't be done."""

    value: str
    plan: str
    when: str
    proposal: Proposal | None
    refusal: str


def form_page(name: str, user_id: int, form: Form, errors: Errors) -> Response:
    """A form about the person, filled in as it was sent.

    Raises:
        UserNotFound: there is no such person.
        NoActiveSubscription: they have no plan.
    """
    more: dict[str, Any] = {"choices": _plan_choices(user_id)} if name == PLAN else {}
    with reading() as session:
        report = people.person(session, user_id, now=request_time())
    if report.statement is None:
        raise NoActiveSubscription(user_id)
    page = render_template(
        f"admin/person_{name}.html", report=report, form=form, errors=errors, **more
    )
    return make_response(page, HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK)


def _plan_choices(user_id: int) -> tuple[PlanChoice, ...]:
    """Every plan on offer at every time at which it can begin, and what would come of it."""
    with rehearsal() as session:
        return tuple(
            _plan_choice(session, user_id, ChangePlan(plan.name, when), plan.display_name, words)
            for plan in plans.active_plans(session)
            for when, words in WHEN_WORDS.items()
        )


def _plan_choice(
    session: Session, user_id: int, act: ChangePlan, display_name: str, words: str
) -> PlanChoice:
    value = f"{act.plan}|{act.when}"
    try:
        foreseen = proposals.foresee(
            session,
            act,
            user_id=user_id,
            reason="A preview.",
            by=acting.admin(),
            now=request_time(),
        )
    except NoActiveSubscription:
        raise
    except CreditError as refused:
        return PlanChoice(value, display_name, words, None, str(refused))
    return PlanChoice(value, display_name, words, foreseen, "")
