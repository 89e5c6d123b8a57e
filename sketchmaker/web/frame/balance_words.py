"""What the steps of a balance are called, for the person themselves and for an admin."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sketchmaker.credits.reading.waterfall import StepKind, Waterfall
from sketchmaker.web.frame.wording import MINUS

STEP_WORDS: Final[Mapping[StepKind, str]] = MappingProxyType(
    {
        StepKind.ALLOWANCE: "Monthly allowance",
        StepKind.TAKEN_BACK: "Taken back",
        StepKind.USED: "Used",
        StepKind.HELD: "Held for images",
        StepKind.OVERUSED: "Used on a larger plan",
        StepKind.BONUS: "Bonus credits",
        StepKind.NOT_YET: "Reset suspended",
        StepKind.UNEXPLAINED: "Unexplained",
    }
)

_IN_A_SENTENCE: Final[Mapping[StepKind, str]] = MappingProxyType(
    {
        StepKind.ALLOWANCE: "allowance",
        StepKind.TAKEN_BACK: "taken back",
        StepKind.USED: "used",
        StepKind.HELD: "held",
        StepKind.OVERUSED: "used on a larger plan",
        StepKind.BONUS: "bonus",
        StepKind.NOT_YET: "until the reset is resumed",
        StepKind.UNEXPLAINED: "unexplained",
    }
)


def balance_sentence(found: Waterfall) -> str:
    """`37 = 100 allowance − 58 used − 5 held`."""
    first, *others = found.steps
    terms = [f"{first.credits:,} {_IN_A_SENTENCE[first.kind]}"]
    for step in others:
        sign = "+" if step.credits > 0 else MINUS
        terms.append(f"{sign} {abs(step.credits):,} {_IN_A_SENTENCE[step.kind]}")
    return f"{found.available:,} = {' '.join(terms)}"
