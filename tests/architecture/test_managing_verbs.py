"""Nobody changes what somebody has without saying who they are and why."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from sketchmaker import membership
from sketchmaker.accounts import administration, deletion, password_change, reset_links
from sketchmaker.credits import managing
from sketchmaker.credits.books import repairs
from sketchmaker.credits.desk.managing import ManagingDesk
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rows import plans
from sketchmaker.credits.spending import refunds
from sketchmaker.record.actor import Actor

BESIDE = [
    membership,
    administration,
    deletion,
    password_change,
    reset_links,
    repairs,
    guard,
    plans,
    refunds,
]

NO_DECISIONS = {
    # They only look, or work out what would happen.
    "administration.may_decide_about",
    "administration.refuse_last_superadmin",
    "guard.all_suspended",
    "guard.check_by_hand",
    "guard.count_suspended",
    "guard.suspension_of",
    "password_change.check_new",
    "password_change.prepare",
    "plan_changes.default_when",
    "plan_changes.preview",
    "plan_edit_counts.counts_of",
    "plan_edit_counts.has_own_credits",
    "plan_edits.preview",
    "plan_overrides.override_of",
    "plan_overrides.preview",
    "plans.active_plan",
    "plans.any_plan",
    "plans.active_plans",
    "plans.default_plan",
    "plans.display_name_of",
    "plans.every_plan",
    "refunds.refunded",
    "repairs.propose_repairs",
    "reset_links.find",
    # What time alone brings about.
    "granting.expire_due",
    "guard.forget_failures",
    "guard.suspend_failed",
    "guard.watch",
    "plan_edits.publish_begun",
    "reset_links.forget_expired",
    # Parts of a verb that is recorded.
    "erasure.erase_words",
    "guard.suspend_by_hand",
    "plan_edits_now.give_now",
    "plans.locked_plan",
}


def modules() -> list[ModuleType]:
    of_managing = pkgutil.iter_modules(managing.__path__, f"{managing.__name__}.")
    return [*(importlib.import_module(found.name) for found in of_managing), *BESIDE]


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    for module in modules():
        for name, found in inspect.getmembers(module, inspect.isfunction):
            if not name.startswith("_") and found.__module__ == module.__name__:
                yield f"{module.__name__.rpartition('.')[2]}.{name}", found
    for name, found in inspect.getmembers(ManagingDesk, inspect.isfunction):
        if not name.startswith("_") and found.__module__ == ManagingDesk.__module__:
            yield f"desk.{name}", found


def says_who_and_why(verb: Callable[..., Any]) -> bool:
    parameters = inspect.signature(verb).parameters
    return all(
        name in parameters
        and parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        and parameters[name].default is inspect.Parameter.empty
        for name in ("by", "reason")
    )


@pytest.mark.parametrize(
    ("name", "verb"), [pytest.param(*each, id=each[0]) for each in functions()]
)
def test_every_managing_verb_takes_who_and_why(name: str, verb: Callable[..., Any]) -> None:
    assert says_who_and_why(verb) != (name in NO_DECISIONS)


def test_the_list_of_what_decides_nothing_names_only_what_there_is() -> None:
    assert set(dict(functions())) >= NO_DECISIONS


def test_a_verb_that_forgets_either_is_seen() -> None:
    def without_reason(*, by: Actor) -> None: ...

    def with_a_default(*, by: Actor, reason: str = "") -> None: ...

    assert not says_who_and_why(without_reason)
    assert not says_who_and_why(with_a_default)
