"""What comes with a plan has values that can be enforced, and no longer only words.

Sentences that the setup guide's plans had become values; every other sentence stays, as words that
nothing is enforced by. Nothing that people could do before is taken from them: where no sentence
said so, a plan has all models, and as many images at once as there were.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | None = None
depends_on: str | None = None

VALUES: dict[str, tuple[str, object]] = {
    "Basic models": ("models", "basic"),
    "Access to all models": ("models", "all"),
    "Standard resolution": ("resolution", "standard"),
    "High resolution": ("resolution", "high"),
    "Ultra-high resolution": ("resolution", "ultra"),
    "LoRA training": ("lora_training", True),
    "API access": ("api_access", True),
    "Priority support": ("priority", True),
}
UNLESS_SAID: dict[str, object] = {"models": "all", "resolution": "standard", "images_at_once": 4}
LARGEST = "pro"
"""The guide's largest plan has what the smaller ones have, though it does not say so."""

MOST_ROWS, MOST_CHARACTERS = 40, 100


def upgrade() -> None:
    plans = sa.table(
        "subscription_plans",
        sa.column("id", sa.Integer),
        sa.column("name", sa.String),
        sa.column("monthly_credits", sa.Integer),
        sa.column("features", sa.JSON),
    )
    connection = op.get_bind()
    for plan in connection.execute(sa.select(plans)).all():
        rows = list(_rows(plan.name, plan.monthly_credits, plan.features))
        connection.execute(plans.update().where(plans.c.id == plan.id).values(features=rows))


def _rows(name: str, monthly_credits: int, sentences: object) -> Iterator[dict[str, Any]]:
    told = [_printable(each) for each in sentences] if isinstance(sentences, Sequence) else []
    values = dict(VALUES[sentence] for sentence in told if sentence in VALUES)
    values = {**UNLESS_SAID, **({"lora_training": True} if name == LARGEST else {}), **values}
    yield from ({"feature": feature, "value": value} for feature, value in values.items())
    # This one is made from the credits now, whatever they are.
    images = f"{monthly_credits:,} images per month"
    words = [each for each in told if each and each not in VALUES and each != images]
    yield from ({"feature": "words", "text": text} for text in words[:MOST_ROWS])


def _printable(sentence: object) -> str:
    return "".join(filter(str.isprintable, str(sentence))).strip()[:MOST_CHARACTERS]
