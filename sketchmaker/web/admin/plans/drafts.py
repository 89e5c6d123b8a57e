"""A change of a plan on its way through the steps, signed into each page."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from sketchmaker.credits.managing import plan_definitions, plan_edits
from sketchmaker.credits.managing.plan_edits import Edit, PlanEdit
from sketchmaker.credits.rows.plan_versions import Plans, revision_of
from sketchmaker.credits.rows.plans import locked_plan
from sketchmaker.credits.rules.features import KINDS, WORDS, Feature, Features, features_from
from sketchmaker.credits.rules.plan_errors import PlanChangedMeanwhile
from sketchmaker.credits.tables import SubscriptionPlanModel
from sketchmaker.record.actor import Actor
from sketchmaker.web.admin.people.proposals import ProposalUnreadable
from sketchmaker.web.admin.plans.fields import NAMED, PlanWords, Wanted

SALT: Final = "console-plan-draft"

FEATURE_WORDS: Final = {
    "models": "Models",
    "resolution": "Highest resolution",
    "images_at_once": "Images at once",
    "lora_training": "LoRA training",
    "api_access": "API access",
    "priority": "Priority",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """What a plan is to be, who gets it from when, and the revision that somebody looked at.

    `starts_at` is ISO 8601 in UTC, and goes with the date only.
    """

    plan_name: str
    revision: int
    wanted: Wanted
    apply_to: str = "next_reset"
    starts_at: str | None = None

    def edit(self) -> Edit:
        """The draft as its verb is asked for it."""
        return Edit(
            plan_name=self.plan_name,
            apply_to=self.apply_to,  # type: ignore[arg-type]  # the verb refuses what is none
            monthly_credits=self.wanted.monthly_credits,
            features=self.wanted.features,
            starts_at=datetime.fromisoformat(self.starts_at) if self.starts_at else None,
        )

    def going_to(self, apply_to: str, starts_at: datetime | None = None) -> "Draft":
        """The same for other people, or from another time on."""
        at = starts_at.isoformat() if starts_at else None
        return replace(self, apply_to=apply_to, starts_at=at)

    def foreseen(self, session: Session, *, now: datetime) -> PlanEdit:
        """What applying it does, by the rule that applies it. Raises as `plan_edits.preview`."""
        return plan_edits.preview(session, self.edit(), now=now)

    def changes_terms(self, before: Wanted) -> bool:
        """Whether it changes credits or features; words alone change for everybody at once."""
        return replace(before, words=self.wanted.words) != self.wanted

    def apply(self, session: Session, *, by: Actor, reason: str, now: datetime) -> PlanEdit | None:
        """Do it, if the plan is still at its revision; None when only words were changed.

        Raises:
            PlanChangedMeanwhile: it is not.
            And as `plan_edits.apply` and `plan_definitions.describe`.
        """
        plan = locked_as_seen(session, self.plan_name, self.revision, now=now)
        before = wanted_of(session, plan, now=now)
        done = None
        if self.changes_terms(before):
            done = plan_edits.apply(session, self.edit(), by=by, reason=reason, now=now)
        if before.words != self.wanted.words:
            plan_definitions.describe(
                session,
                plan_name=self.plan_name,
                display_name=self.wanted.words.display_name,
                description=self.wanted.words.description,
                by=by,
                reason=reason,
                now=now,
            )
        return done


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a draft changes, in words."""

    what: str
    before: str
    after: str


def locked_as_seen(
    session: Session, plan_name: str, seen: int, *, now: datetime
) -> SubscriptionPlanModel:
    """The plan, locked, if it is as somebody saw it: at the revision `seen`.

    Raises:
        UnknownPlan: no plan has that name.
        PlanChangedMeanwhile: it was changed since.
    """
    plan = locked_plan(session, plan_name)
    revision = revision_of(session, plan, now)
    if revision != seen:
        raise PlanChangedMeanwhile(plan.display_name, seen, revision)
    return plan


def wanted_of(session: Session, plan: SubscriptionPlanModel, *, now: datetime) -> Wanted:
    """What the plan is now, for those who come to it."""
    on_sale = Plans.read(session).on_sale(plan.id, now)
    words = PlanWords(plan.display_name, plan.description)
    return Wanted(words, on_sale.monthly_credits, on_sale.features)


def changes(before: Wanted, after: Wanted) -> tuple[Change, ...]:
    """What differs, each thing in words."""
    pairs = zip(_said(before), _said(after), strict=True)
    return tuple(Change(what, old, new) for (what, old), (_, new) in pairs if old != new)


def signed(draft: Draft, secret: str) -> str:
    """The draft as a text for a form."""
    wanted = draft.wanted
    facts = {
        "plan": draft.plan_name,
        "revision": draft.revision,
        "words": [wanted.words.display_name, wanted.words.description],
        "credits": wanted.monthly_credits,
        "features": wanted.features.stored(),
        "apply_to": draft.apply_to,
        "starts_at": draft.starts_at,
    }
    return str(URLSafeSerializer(secret, SALT).dumps(facts))


def unsigned(text: str, secret: str) -> Draft:
    """The draft that a form carries.

    Raises:
        ProposalUnreadable: it was not signed by this console.
    """
    try:
        facts: dict[str, Any] = URLSafeSerializer(secret, SALT).loads(text)
    except BadSignature:
        raise ProposalUnreadable from None
    wanted = Wanted(PlanWords(*facts["words"]), facts["credits"], features_from(facts["features"]))
    return Draft(facts["plan"], facts["revision"], wanted, facts["apply_to"], facts["starts_at"])


def _said(wanted: Wanted) -> Iterator[tuple[str, str]]:
    yield "Name", wanted.words.display_name
    yield "Description", wanted.words.description or "none"
    yield "Credits a month", f"{wanted.monthly_credits:,}"
    rows = {row.name: row for row in wanted.features}
    for name in NAMED:
        yield FEATURE_WORDS[name], _row_in_words(rows.get(name, Feature(name, KINDS[name].least)))
    yield "Only words", _lines(wanted.features)


def _row_in_words(row: Feature) -> str:
    is_list = isinstance(row.value, list)
    words = ", ".join(row.value) if is_list else KINDS[row.name].words(row.value)
    return (words or "not included") + (f', shown as "{row.text}"' if row.text else "")


def _lines(features: Features) -> str:
    return "; ".join(row.text or "" for row in features if row.name == WORDS) or "none"
