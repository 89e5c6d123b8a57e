"""Why is a balance what it is? One plain sentence for each row of the ledger."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from sketchmaker.credits.rows.ledger import said_by_caller
from sketchmaker.credits.rules.actions import (
    ADJUSTMENT_ACTION,
    CORRECTION_ACTION,
    DEACTIVATION_ACTION,
    FORCE_RESET_ACTION,
    GRANT_ACTION,
    GRANT_EXPIRY_ACTION,
    GRANT_VOID_ACTION,
    PLAN_ACTION,
    REACTIVATION_ACTION,
    REFUND_ACTION,
    RESCHEDULE_ACTION,
    RESET_ACTION,
    RESTART_ACTION,
    START_ACTION,
)
from sketchmaker.credits.tables import HoldState, UsageHistory


def explain(row: UsageHistory, zone: str = "UTC") -> str:
    """What happened, in words for the person whose credits they are; dates are those of `zone`."""
    if row.details.get("correction"):
        return _correction(row)
    if row.action in _WITH_DATES:
        return _WITH_DATES[row.action](row, zone)
    return _EXPLANATIONS.get(row.action, _use)(row)


def counted(number: int, noun: str) -> str:
    """`1 credit`, `2 credits`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _start(row: UsageHistory) -> str:
    return f"You joined the {_fact(row, 'plan')} plan and got {_credits(row.credits_delta)}."


def _reset(row: UsageHistory) -> str:
    if row.details.get("skipped"):
        return "A reset passed while your subscription was not active."
    granted = _credits(row.details.get("granted", row.balance_after))
    if row.details.get("missed"):
        return f"Monthly reset to {granted}, entered later together with the one that followed it."
    sentence = f"Monthly reset to {granted}."
    if row.details.get("expired"):
        sentence += f" {counted(row.details['expired'], 'unused credit')} expired."
    if row.details.get("caught_up"):
        sentence += " Applied late: Sketchmaker was offline."
    return sentence


def _forced(row: UsageHistory) -> str:
    granted = _credits(row.details.get("granted", row.balance_after))
    return f"An admin reset your balance to {granted}{_reason(row)}. Your reset day is unchanged."


def _plan(row: UsageHistory) -> str:
    if row.details.get("when") == "cancelled":
        return "The change of plan planned for your next reset was cancelled."
    if row.details.get("ends"):
        return (
            f"Your {_fact(row, 'from')} plan ends at your next reset. "
            f"From then on you are on the {_fact(row, 'to')} plan."
        )
    if row.details.get("edited"):
        return f"The {_fact(row, 'to')} plan changed. What you had used stays used."
    if row.details.get("own"):
        return f"An admin changed what your {_fact(row, 'to')} plan gives you{_reason(row)}."
    names = f"from the {_fact(row, 'from')} plan to the {_fact(row, 'to')} plan"
    if row.details.get("when") == "next_reset":
        return f"You change {names} at your next reset."
    return f"You changed {names}. What you had used stays used."


def _restart(row: UsageHistory) -> str:
    return f"Your month restarted on the {_fact(row, 'to')} plan. Unused credits expired."


def _deactivation(_row: UsageHistory) -> str:
    return "Your subscription was ended."


def _reactivation(_row: UsageHistory) -> str:
    return "Your subscription resumed."


def _grant(row: UsageHistory, zone: str) -> str:
    kept = "kept after the reset"
    if row.details.get("expires_at"):
        kept = f"kept until {_day(row, 'expires_at', zone)}"
    return f"You were given {_credits(row.credits_delta)}{_reason(row)}, {kept}."


def _grant_expiry(row: UsageHistory) -> str:
    return f"{_credits(-row.credits_delta)} that you were given expired."


def _grant_void(row: UsageHistory) -> str:
    if row.credits_delta:
        return f"{_credits(-row.credits_delta)} that you were given were taken back{_reason(row)}."
    return f"Credits that you were given were taken back{_reason(row)}."


def _refund(row: UsageHistory) -> str:
    refunded, returned = -row.credits_used, row.details.get("returned", -row.credits_used)
    sentence = f"{_credits(refunded)} of an earlier charge were refunded{_reason(row)}."
    if row.details.get("granted"):
        sentence += f" {_credits(row.details['granted'])} of them are kept after the reset."
    if returned < refunded:
        sentence += f" {_credits(refunded - returned)} of them could not be given back."
    return sentence


def _adjustment(row: UsageHistory) -> str:
    return f"An admin took back {_credits(-row.credits_delta)}{_reason(row)}."


def _moved(row: UsageHistory, zone: str) -> str:
    return f"Your next reset was moved to {_day(row, 'to', zone)}."


def _correction(row: UsageHistory) -> str:
    return f"An admin corrected the books{_reason(row)}."


def _use(row: UsageHistory) -> str:
    outcome = row.details.get("outcome", HoldState.SETTLED)
    if outcome != HoldState.SETTLED:
        return f"Nothing was charged. {_fact(row, 'reason')}".strip()
    sentence = f"{_work(row)}: {_credits(row.credits_used)}."
    lapsed = row.details.get("lapsed", 0)
    given_back = row.details.get("held", row.credits_used) - row.credits_used - lapsed
    if given_back:
        sentence += f" {counted(given_back, 'held credit')} came back."
    if row.credits_used and not row.credits_delta:
        sentence += " Started before the reset, so it used last month's credits."
    return sentence


def _work(row: UsageHistory) -> str:
    """What was done, in the words of whoever spent the credits."""
    return str(said_by_caller(row.details).get("what") or "") or row.action.capitalize()


def _credits(number: int) -> str:
    return counted(number, "credit")


def _reason(row: UsageHistory) -> str:
    """What an admin gave as the reason, quoted so that it can't run into our own words."""
    reason = _fact(row, "reason")
    return f" (“{reason}”)" if reason else ""


def _day(row: UsageHistory, name: str, zone: str) -> str:
    """`23 January 2027`, of an instant that is kept as ISO text."""
    moment = datetime.fromisoformat(_fact(row, name)).astimezone(ZoneInfo(zone))
    return f"{moment.day} {moment:%B %Y}"


def _fact(row: UsageHistory, name: str) -> str:
    return str(row.details.get(name) or "")


_EXPLANATIONS: dict[str, Callable[[UsageHistory], str]] = {
    START_ACTION: _start,
    RESET_ACTION: _reset,
    FORCE_RESET_ACTION: _forced,
    PLAN_ACTION: _plan,
    RESTART_ACTION: _restart,
    DEACTIVATION_ACTION: _deactivation,
    REACTIVATION_ACTION: _reactivation,
    GRANT_EXPIRY_ACTION: _grant_expiry,
    GRANT_VOID_ACTION: _grant_void,
    REFUND_ACTION: _refund,
    ADJUSTMENT_ACTION: _adjustment,
    CORRECTION_ACTION: _correction,
}

_WITH_DATES: dict[str, Callable[[UsageHistory, str], str]] = {
    GRANT_ACTION: _grant,
    RESCHEDULE_ACTION: _moved,
}
