"""Acts on somebody's plan and resets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, Self

from sqlalchemy.orm import Session

from sketchmaker.credits.managing import forced_resets, plan_changes, rescheduling
from sketchmaker.credits.managing.plan_changes import When
from sketchmaker.credits.reading.statement import Statement
from sketchmaker.credits.resets import guard
from sketchmaker.web.admin.people import fields
from sketchmaker.web.admin.people.act import Act, Doing, Form, FormRefused


@dataclass(frozen=True, slots=True)
class ChangePlan(Act):
    """Another plan: at once, at the next reset, or with a new cycle that begins today."""

    name: ClassVar[str] = "change-plan"
    reason_if_none: ClassVar[str] = "Assigned in the console, without a note."

    plan: str
    when: When

    @classmethod
    def from_form(cls, form: Form, own: Statement, now: datetime) -> Self:
        """See `Act.from_form`."""
        del own, now
        if not form.get("plan"):
            raise FormRefused("plan", "Choose a plan.")
        when = next((when for when in WHEN_WORDS if when == form.get("when")), None)
        if when is None:
            raise FormRefused("when", "Choose when the plan changes.")
        return cls(form["plan"], when)

    @property
    def words(self) -> str:
        """See `Act.words`."""
        return "Assign plan"

    def run(self, session: Session, doing: Doing) -> None:
        """See `Act.run`."""
        plan_changes.apply(
            session,
            subscription_id=doing.own.subscription_id,
            plan_name=self.plan,
            when=self.when,
            **doing.given,
        )


WHEN_WORDS: Final[Mapping[When, str]] = {
    "now": "Now, in this cycle",
    "next_reset": "At the next reset",
    "restart": "Now, with a new cycle from today",
}


@dataclass(frozen=True, slots=True)
class MoveReset(Act):
    """The next reset happens at another instant; the ones after it stay where they are."""

    name: ClassVar[str] = "move-reset"

    at: str

    @classmethod
    def from_form(cls, form: Form, own: Statement, now: datetime) -> Self:
        """See `Act.from_form`."""
        del now
        return cls(fields.instant(form, "at", own.time_zone).isoformat())

    @property
    def words(self) -> str:
        """See `Act.words`."""
        return "Move the next reset"

    def run(self, session: Session, doing: Doing) -> None:
        """See `Act.run`."""
        rescheduling.reschedule(
            session,
            subscription_id=doing.own.subscription_id,
            at=datetime.fromisoformat(self.at),
            **doing.given,
        )


def _simple(name: str, words: str, verb: Callable[..., object]) -> type[Act]:
    """An act that needs no fields: its verb knows from the subscription what to do."""

    @dataclass(frozen=True, slots=True)
    class Simple(Act):
        @property
        def words(self) -> str:
            return words

        def run(self, session: Session, doing: Doing) -> None:
            verb(session, subscription_id=doing.own.subscription_id, **doing.given)

    Simple.name = name
    return Simple


ForceReset = _simple("force-reset", "Reset the credits now", forced_resets.force_reset)
EndPlan = _simple("end-plan", "End the plan at the next reset", plan_changes.end_at_reset)
CancelChange = _simple("cancel-change", "Cancel the change", plan_changes.cancel_scheduled)
SuspendResets = _simple("suspend-resets", "Suspend resets", rescheduling.suspend)
ResumeResets = _simple("resume-resets", "Resume resets", guard.resume)
