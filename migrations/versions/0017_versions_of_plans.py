"""Plans have versions, so that an edit can be for newcomers, at the next reset, or from a date on.

A plan that was never edited has none: until then its own columns are what it gives.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: str | None = None
depends_on: str | None = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    one = sa.text("1")
    op.add_column(
        "user_subscriptions",
        sa.Column("plan_version", sa.Integer(), server_default=one, nullable=False),
    )
    op.add_column(
        "subscription_plans",
        sa.Column("revision", sa.Integer(), server_default=one, nullable=False),
    )
    _versions()
    _terms()
    _overrides()


def _versions() -> None:
    op.create_table(
        "plan_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("monthly_credits", sa.Integer(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("for_everybody", sa.Boolean(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        *_credits_within_limits("plan_versions"),
        sa.CheckConstraint("number >= 1", name=op.f("ck_plan_versions_number_positive")),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["subscription_plans.id"], name=op.f("fk_plan_versions_plan_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_versions")),
        sa.UniqueConstraint("plan_id", "number", name=op.f("uq_plan_versions_plan_id_number")),
    )


def _terms() -> None:
    op.create_table(
        "plan_terms",
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("monthly_credits", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["subscription_plans.id"], name=op.f("fk_plan_terms_plan_id")
        ),
        sa.PrimaryKeyConstraint("plan_id", "held", "starts_at", name=op.f("pk_plan_terms")),
    )


def _overrides() -> None:
    op.create_table(
        "plan_overrides",
        sa.Column("subscription_id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("monthly_credits", sa.Integer(), nullable=True),
        sa.Column("features", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        *_credits_within_limits("plan_overrides"),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["subscription_plans.id"], name=op.f("fk_plan_overrides_plan_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["user_subscriptions.id"],
            name=op.f("fk_plan_overrides_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_plan_overrides")),
    )


def _credits_within_limits(table: str) -> tuple[sa.CheckConstraint, ...]:
    limits = {
        "not_negative": "monthly_credits >= 0",
        "within_limit": "monthly_credits <= 1000000000",
    }
    return tuple(
        sa.CheckConstraint(condition, name=op.f(f"ck_{table}_monthly_credits_{name}"))
        for name, condition in limits.items()
    )
