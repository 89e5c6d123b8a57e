"""What a reset does, said once: to the subscription, and in the ledger.

The functions use nothing of a row but its columns, and only `+`, `-` and `<`. So a row may be one
that was read, and out come numbers; or a table's columns, and out come the expressions that a
database works out for a million rows. `resets` writes one row with them, `mass_resets` many, the
statement shows what they will make of a row.

Standard library only; no clock, no SQL.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from sketchmaker.credits.rules.actions import RESET_ACTION

GRACE = timedelta(hours=1)
"""A reset later than this is marked as caught up. It still runs: late is not never."""


RESET_EVENT = "credits.reset"
"""The kind of event that tells others of a reset."""


class Plan(Protocol):
    """What a reset needs of a plan: what it gives to one, or the columns that say it of many."""

    @property
    def id(self) -> Any:
        """Its number."""

    @property
    def display_name(self) -> Any:
        """What people call it."""

    @property
    def version(self) -> Any:
        """The number of its version."""

    @property
    def monthly_credits(self) -> Any:
        """The allowance of a cycle on this plan, in credits."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """The start of cycle `cycle`, at `at`; the cycle after it starts at `following`. In UTC.

    `was_missed` marks a boundary that another had followed by the time it was applied;
    `was_skipped` one that passed while the subscription was not active, and grants nothing.
    """

    cycle: Any
    at: Any
    following: Any
    was_missed: bool = False
    was_skipped: bool = False


def begin_cycle(before: Any, plan: Plan, boundary: Boundary) -> dict[str, Any]:
    """The columns of `user_subscriptions` that change when a cycle begins on this plan.

    What was left of the allowance is gone, used and revoked are nothing. What is held of grants
    stays held; what is held of the old allowance is none of the new.
    """
    allowance = granted(plan, boundary)
    return {
        "cycle_allowance": allowance,
        "credits_remaining": allowance + before.bonus_remaining,
        "credits_held": before.bonus_held,
        "credits_used_this_month": 0,
        "credits_revoked": 0,
        "bonus_used": 0,
        "plan_id": plan.id,
        "plan_version": plan.version,
        "next_plan_id": None,
        "cycle": boundary.cycle,
        "last_credit_reset": boundary.at,
        "next_credit_reset": boundary.following,
    }


def reset_entry(before: Any, plan: Plan, boundary: Boundary, now: Any, late: Any) -> dict[str, Any]:
    """The columns of the reset's row in `usage_history`, written at `now`.

    What was due before `late` (`now` less `GRACE`) is marked as caught up. The change of the books
    is that of `begin_cycle`: held credits count as there until they are settled, so those of the
    old cycle go out of the books here, and settling them later costs the new cycle nothing.
    """
    after = begin_cycle(before, plan, boundary)
    left = before.credits_remaining - before.bonus_remaining
    held = before.credits_held - before.bonus_held
    left_after = after["credits_remaining"] - before.bonus_remaining
    held_after = after["credits_held"] - before.bonus_held
    return {
        "user_id": before.user_id,
        "subscription_id": before.id,
        "action": RESET_ACTION,
        "credits_used": 0,
        "credits_delta": left_after + held_after - left - held,
        "bonus_delta": 0,
        "balance_after": after["credits_remaining"],
        "cycle": boundary.cycle,
        "metadata": {
            "plan": plan.display_name,
            "due_at": boundary.at,
            "expired": left,
            "granted": granted(plan, boundary),
            "caught_up": boundary.at < late,
            "missed": boundary.was_missed,
            **({"skipped": True} if boundary.was_skipped else {}),
        },
        "created_at": now,
    }


def reset_event(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What others are told of a reset, from the columns of its row in `usage_history`.

    The subscription and the cycle name it, so it is the same whoever tells it, however often. What
    is a tuple here is text: its parts, one after the other.
    """
    names = ("user_id", "subscription_id", "cycle")
    return {
        "event_id": (RESET_EVENT, "/", entry["subscription_id"], "/", entry["cycle"]),
        "subject": ("user ", entry["user_id"]),
        "payload": {
            **{name: entry[name] for name in names},
            "available": entry["balance_after"],
            "facts": entry["metadata"],
        },
    }


def granted(plan: Plan, boundary: Boundary) -> Any:
    """The allowance that the cycle begins with."""
    return 0 if boundary.was_skipped else plan.monthly_credits


def still_holds_allowance(hold_cycle: Any, present_cycle: Any) -> Any:
    """Does a hold that was placed in that cycle hold credits of the present allowance?

    What one of an earlier cycle held went with that cycle's allowance, see `begin_cycle`.
    """
    return hold_cycle == present_cycle
