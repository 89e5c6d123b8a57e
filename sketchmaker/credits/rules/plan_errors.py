"""What can go wrong when a plan is edited. Everything else that is refused is in `errors`."""

from collections.abc import Mapping
from datetime import datetime

from sketchmaker.credits.rules.errors import CreditError


class InvalidFeatures(CreditError):
    """Some features can't be accepted: `problems` has one sentence for each, by feature name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__(" ".join(problems.values()))


class PlanChangedMeanwhile(CreditError):
    """The plan is not as it was when somebody looked: they saw `seen`, and it is at `revision`."""

    def __init__(self, plan_display_name: str, seen: int, revision: int) -> None:
        self.plan_display_name = plan_display_name
        self.seen = seen
        self.revision = revision
        super().__init__(
            f"The {plan_display_name} plan was changed since you looked at it. "
            "Look at it again before you change it. Nothing was changed."
        )


class InvalidStart(CreditError):
    """A version can be planned for a time to come only."""

    def __init__(self, at: datetime | None) -> None:
        self.at = at
        super().__init__("Choose a date to come, or another way to apply the change.")


class PlanInUse(CreditError):
    """Somebody is or was on the plan, or waits for it: it can be taken off sale, not deleted."""

    def __init__(self, plan_display_name: str) -> None:
        self.plan_display_name = plan_display_name
        super().__init__(
            f"The {plan_display_name} plan is in use, so it can't be deleted. Stop selling it "
            "instead: whoever is on it stays."
        )


class PlanNameTaken(CreditError):
    """Another plan has that name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is a plan called {name!r} already. Choose another name.")


class InvalidPlanWords(CreditError):
    """A name or a description that a plan can't have."""
