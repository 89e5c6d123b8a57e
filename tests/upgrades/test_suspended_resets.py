"""What was set aside under an earlier version is suspended, and refused requests stay refused."""

import pytest

from sketchmaker import schema
from sketchmaker.credits.resets import guard
from sketchmaker.credits.rows import idempotency
from sketchmaker.credits.rows.idempotency import Request
from sketchmaker.credits.rules.errors import ResetSuspended
from sketchmaker.database import Database
from tests.upgrades import frozen, past
from tests.upgrades.test_populated_upgrades import empty_database, populated_at

__all__ = ["empty_database"]


def test_what_was_set_aside_is_suspended(empty_database: Database) -> None:
    before = populated_at(empty_database, "0017")["resets_set_aside"]
    causes = {row["subscription_id"]: row["cause"] for row in before}
    assert "paused" in causes.values()

    schema.upgrade(empty_database)

    with empty_database.reading() as session:
        found = {row.subscription_id: row.cause for row in guard.all_suspended(session)}
    assert found == {
        which: guard.MANUAL if cause == "paused" else cause for which, cause in causes.items()
    }


def test_a_remembered_refusal_is_repeated_under_its_new_name(empty_database: Database) -> None:
    user_id = populated_at(empty_database, "0017")["users"][0]["id"]
    row = {
        "user_id": user_id,
        "verb": "charge",
        "key": "refused",
        "fingerprint": "0",
        "answer": {"refusal": {"error": "SetAside", "subscription_id": 7, "cause": "paused"}},
        "created_at": past.NOW.isoformat(),
        "kept_until": (past.NOW + past.DAY).isoformat(),
    }
    frozen.fill(empty_database, {"idempotency_keys": [row]})

    schema.upgrade(empty_database)

    request = Request(user_id, "charge", "refused", {})
    with empty_database.reading() as session, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Request, "fingerprint", "0")
        answer = idempotency.find(session, request, now=past.NOW)
    assert answer is not None
    assert isinstance(answer.refusal, ResetSuspended)
    assert (answer.refusal.subscription_id, answer.refusal.cause) == (7, guard.MANUAL)
