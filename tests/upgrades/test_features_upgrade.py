"""Plans whose features were sentences get values, and nobody loses what they could do."""

from typing import Any

import pytest
from sqlalchemy import text

from sketchmaker import schema
from sketchmaker.credits.rows import plans
from sketchmaker.database import Database
from tests.upgrades.test_populated_upgrades import empty_database, populated_at

__all__ = ["empty_database"]

OWN = '["50 images per month", "100 images per month", "Our logo on a mug", "High resolution"]'


def test_sentences_of_the_guide_become_values_and_others_stay_words(
    empty_database: Database,
) -> None:
    populated_at(empty_database, "0013")
    with empty_database.transaction() as session:
        session.execute(
            text("UPDATE subscription_plans SET features = :own WHERE name = 'premium'"),
            {"own": OWN},
        )

    schema.upgrade(empty_database)

    with empty_database.reading() as session:
        found: dict[str, Any] = {plan.name: plan.included for plan in plans.active_plans(session)}
    given = {plan.name: plan.features for plan in plans.DEFAULT_PLANS}
    for name in ("free", "pro"):
        assert {row.name: row.value for row in found[name]} == {
            row.name: row.value for row in given[name]
        }
    assert found["premium"].shown == (
        "Access to all models",
        "High resolution",
        "Up to 4 images at once",
        "50 images per month",
        "Our logo on a mug",
    )


@pytest.mark.parametrize("stored", ["[]", "null", '["\\u0007", ""]', '"words"', "[[1]]"])
def test_odd_sentences_stop_no_upgrade(empty_database: Database, stored: str) -> None:
    populated_at(empty_database, "0013")
    with empty_database.transaction() as session:
        session.execute(text("UPDATE subscription_plans SET features = :odd"), {"odd": stored})

    schema.upgrade(empty_database)

    with empty_database.reading() as session:
        assert all(plan.included.models == "all" for plan in plans.active_plans(session))
