"""Who acts in tests."""

import inspect
from collections.abc import Callable
from typing import Any

from sketchmaker.record.actor import Actor, Through

SOMEBODY = Actor.program("tests")
"""For tests to which it does not matter who acts."""


def word_for(verb: Callable[..., Any]) -> dict[str, Any]:
    """What a managing verb wants to know besides; nothing for another verb."""
    parameters = inspect.signature(verb).parameters
    return {"by": SOMEBODY, "reason": "A test."} if "by" in parameters else {}


def admin_number(user_id: int) -> Actor:
    """An admin with this account, in the console."""
    return Actor(user_id, f"admin-{user_id}", "admin", Through.CONSOLE, "192.0.2.1", "request-1")
