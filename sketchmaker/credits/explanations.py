"""Why is a balance what it is? One plain sentence for each row of the ledger."""

from collections.abc import Callable
from typing import Any

from sketchmaker.credits.tables import RESET_ACTION, START_ACTION, HoldState, UsageHistory


def explain(row: UsageHistory) -> str:
    """What happened, in words for the person whose credits they are."""
    return _EXPLANATIONS.get(row.action, _use)(row)


def counted(number: int, noun: str) -> str:
    """`1 credit`, `2 credits`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _start(row: UsageHistory) -> str:
    return (
        f"You joined the {_fact(row, 'plan')} plan and got {counted(row.credits_delta, 'credit')}."
    )


def _reset(row: UsageHistory) -> str:
    granted = counted(row.details.get("granted", row.balance_after), "credit")
    if row.details.get("missed"):
        return f"Monthly reset to {granted}, entered later together with the one that followed it."
    sentence = f"Monthly reset: you have {granted} again."
    if row.details.get("expired"):
        sentence += f" {counted(row.details['expired'], 'credit')} unused last month expired."
    if row.details.get("caught_up"):
        sentence += " Sketchmaker was not running on time and caught up."
    return sentence


def _use(row: UsageHistory) -> str:
    outcome = row.details.get("outcome", HoldState.SETTLED)
    if outcome != HoldState.SETTLED:
        return f"Nothing was charged. {_fact(row, 'reason')}".strip()
    sentence = f"{_work(row)}: {counted(row.credits_used, 'credit')}."
    given_back = row.details.get("held", row.credits_used) - row.credits_used
    if given_back:
        sentence += f" {counted(given_back, 'held credit')} came back."
    if row.credits_used and not row.credits_delta:
        sentence += " It was begun before the reset, so it cost the credits of the month before."
    return sentence


def _work(row: UsageHistory) -> str:
    return counted(row.credits_used, "image") if row.action == "images" else row.action.capitalize()


def _fact(row: UsageHistory, name: str) -> str:
    return str(row.details.get(name, ""))


_EXPLANATIONS: dict[str, Callable[[Any], str]] = {START_ACTION: _start, RESET_ACTION: _reset}
