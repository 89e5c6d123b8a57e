"""The arithmetic of a balance: from the allowance, step by step, to what is available now.

`37 = 100 − 58 − 5`: the steps add up to the number, so that whoever asks why can check it. A
difference is shown as a step of its own and never hidden: it means that the books are wrong.
"""

from dataclasses import dataclass
from enum import StrEnum

from sketchmaker.credits.reading.statement import Statement


class StepKind(StrEnum):
    """What a step is about; also the name by which its ledger rows are asked for."""

    ALLOWANCE = "allowance"
    TAKEN_BACK = "taken-back"
    USED = "used"
    HELD = "held"
    OVERUSED = "overused"
    BONUS = "bonus"
    NOT_YET = "not-yet"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Step:
    """One change on the way: signed whole credits, and the sum before and after it."""

    kind: StepKind
    credits: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The steps from nothing to `available`, and the largest sum on the way."""

    steps: tuple[Step, ...]
    available: int

    @property
    def highest(self) -> int:
        """The largest sum that the steps reach: the width of a picture of them; at least 1."""
        return max(1, *(max(step.before, step.after) for step in self.steps))


def waterfall(own: Statement) -> Waterfall:
    """How the available credits of a statement come about.

    The allowance always has a step; the others only where credits moved. What was used or is held
    of grants has left the bonus already and is no step of its own. Whoever used more than a smaller
    plan gives has nothing left of it, and owes nothing either.
    """
    used, held = own.used - own.bonus_used, own.held - own.bonus_held
    changes = [
        (StepKind.ALLOWANCE, own.allowance),
        (StepKind.TAKEN_BACK, -own.revoked),
        (StepKind.USED, -used),
        (StepKind.HELD, -held),
        (StepKind.OVERUSED, max(0, own.revoked + used + held - own.allowance)),
        (StepKind.BONUS, own.bonus),
    ]
    explained = sum(credits for _, credits in changes)
    rest = StepKind.NOT_YET if own.is_suspended else StepKind.UNEXPLAINED
    changes.append((rest, own.available - explained))
    steps: list[Step] = []
    sum_so_far = 0
    for kind, credits in changes:
        if credits or kind is StepKind.ALLOWANCE:
            steps.append(Step(kind, credits, sum_so_far, sum_so_far + credits))
            sum_so_far += credits
    return Waterfall(tuple(steps), own.available)
