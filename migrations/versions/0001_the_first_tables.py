"""The first tables.

Forward only: an older release runs on the backup that was made before, not on a step back.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.create_table(
        "scheduler_heartbeats",
        sa.Column("process", sa.String(length=120), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_scheduler_heartbeats")),
    )
    with op.batch_alter_table("scheduler_heartbeats", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_scheduler_heartbeats_beat_at"), ["beat_at"], unique=False
        )

    op.create_table(
        "sign_in_attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_key", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempts")),
    )
    with op.batch_alter_table("sign_in_attempts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_sign_in_attempts_account_key_attempted_at"),
            ["account_key", "attempted_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_sign_in_attempts_address_attempted_at"),
            ["address", "attempted_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_sign_in_attempts_attempted_at"), ["attempted_at"], unique=False
        )

    op.create_table(
        "subscription_plans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("display_name", sa.String(length=100), nullable=False),
        sa.Column("monthly_credits", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "monthly_credits >= 0", name=op.f("ck_subscription_plans_monthly_credits_not_negative")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_plans")),
        sa.UniqueConstraint("name", name=op.f("uq_subscription_plans_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(length=80), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("username_key", sa.String(length=240), nullable=False),
        sa.Column("email_key", sa.String(length=762), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "user",
                "admin",
                "superadmin",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
        sa.UniqueConstraint("username_key", name=op.f("uq_users_username_key")),
    )
    op.create_table(
        "credit_grants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("credits_granted", sa.Integer(), nullable=False),
        sa.Column("credits_remaining", sa.Integer(), nullable=False),
        sa.Column("credits_held", sa.Integer(), nullable=False),
        sa.Column("credits_used", sa.Integer(), nullable=False),
        sa.Column("credits_expired", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("granted_by_id", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('admin', 'promotion', 'correction')", name=op.f("ck_credit_grants_kind_known")
        ),
        sa.CheckConstraint(
            "credits_expired >= 0", name=op.f("ck_credit_grants_expired_not_negative")
        ),
        sa.CheckConstraint("credits_granted > 0", name=op.f("ck_credit_grants_granted_positive")),
        sa.CheckConstraint("credits_held >= 0", name=op.f("ck_credit_grants_held_not_negative")),
        sa.CheckConstraint(
            "credits_remaining + credits_held + credits_used + credits_expired = credits_granted",
            name=op.f("ck_credit_grants_books_close"),
        ),
        sa.CheckConstraint(
            "credits_remaining >= 0", name=op.f("ck_credit_grants_remaining_not_negative")
        ),
        sa.CheckConstraint("credits_used >= 0", name=op.f("ck_credit_grants_used_not_negative")),
        sa.ForeignKeyConstraint(
            ["granted_by_id"], ["users.id"], name=op.f("fk_credit_grants_granted_by_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_credit_grants_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_grants")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("credit_grants", schema=None) as batch_op:
        batch_op.create_index(
            "ix_credit_grants_alive",
            ["user_id", "expires_at"],
            unique=False,
            sqlite_where=sa.text("credits_remaining > 0"),
            postgresql_where=sa.text("credits_remaining > 0"),
        )
        batch_op.create_index(
            "ix_credit_grants_expiry",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("credits_remaining > 0"),
            postgresql_where=sa.text("credits_remaining > 0"),
        )
        batch_op.create_index(batch_op.f("ix_credit_grants_user_id"), ["user_id"], unique=False)

    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("verb", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_idempotency_keys_user_id")
        ),
        sa.PrimaryKeyConstraint("user_id", "verb", "key", name=op.f("pk_idempotency_keys")),
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_keys_created", ["created_at"], unique=False)

    op.create_table(
        "sign_in_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sign_in_sessions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_in_sessions_token_hash")),
    )
    with op.batch_alter_table("sign_in_sessions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_sign_in_sessions_expires_at"), ["expires_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_sign_in_sessions_user_id"), ["user_id"], unique=False)

    op.create_table(
        "user_subscriptions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("plan_id", sa.Integer(), nullable=False),
        sa.Column("next_plan_id", sa.Integer(), nullable=True),
        sa.Column("credits_remaining", sa.Integer(), nullable=False),
        sa.Column("credits_held", sa.Integer(), nullable=False),
        sa.Column("credits_used_this_month", sa.Integer(), nullable=False),
        sa.Column("credits_revoked", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cycle_allowance", sa.Integer(), nullable=False),
        sa.Column("bonus_remaining", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("bonus_held", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("bonus_used", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("bonus_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("anchor_cycle", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("subscription_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_credit_reset", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_credit_reset", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subscription_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("assigned_by_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "anchor_cycle >= 0", name=op.f("ck_user_subscriptions_anchor_cycle_not_negative")
        ),
        sa.CheckConstraint(
            "bonus_held >= 0", name=op.f("ck_user_subscriptions_bonus_held_not_negative")
        ),
        sa.CheckConstraint(
            "bonus_remaining >= 0", name=op.f("ck_user_subscriptions_bonus_remaining_not_negative")
        ),
        sa.CheckConstraint(
            "bonus_used >= 0", name=op.f("ck_user_subscriptions_bonus_used_not_negative")
        ),
        sa.CheckConstraint(
            "credits_held >= bonus_held", name=op.f("ck_user_subscriptions_held_covers_bonus")
        ),
        sa.CheckConstraint(
            "credits_remaining - bonus_remaining = CASE WHEN cycle_allowance - credits_revoked - (credits_held - bonus_held) - (credits_used_this_month - bonus_used) > 0 THEN cycle_allowance - credits_revoked - (credits_held - bonus_held) - (credits_used_this_month - bonus_used) ELSE 0 END",
            name=op.f("ck_user_subscriptions_books_close"),
        ),
        sa.CheckConstraint(
            "credits_remaining >= bonus_remaining",
            name=op.f("ck_user_subscriptions_remaining_covers_bonus"),
        ),
        sa.CheckConstraint(
            "credits_revoked >= 0", name=op.f("ck_user_subscriptions_revoked_not_negative")
        ),
        sa.CheckConstraint(
            "credits_used_this_month >= bonus_used",
            name=op.f("ck_user_subscriptions_used_covers_bonus"),
        ),
        sa.CheckConstraint(
            "cycle >= anchor_cycle", name=op.f("ck_user_subscriptions_cycle_since_anchor")
        ),
        sa.CheckConstraint(
            "cycle_allowance >= 0", name=op.f("ck_user_subscriptions_allowance_not_negative")
        ),
        sa.CheckConstraint(
            "next_credit_reset > last_credit_reset",
            name=op.f("ck_user_subscriptions_next_reset_after_last"),
        ),
        sa.ForeignKeyConstraint(
            ["assigned_by_id"], ["users.id"], name=op.f("fk_user_subscriptions_assigned_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["next_plan_id"],
            ["subscription_plans.id"],
            name=op.f("fk_user_subscriptions_next_plan_id"),
        ),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["subscription_plans.id"], name=op.f("fk_user_subscriptions_plan_id")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_subscriptions_user_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_subscriptions")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("user_subscriptions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_user_subscriptions_due",
            ["next_credit_reset", "id"],
            unique=False,
            sqlite_where=sa.text("is_active IS 1"),
            postgresql_where=sa.text("is_active IS true"),
        )
        batch_op.create_index(
            batch_op.f("ix_user_subscriptions_plan_id"), ["plan_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_user_subscriptions_user_id"), ["user_id"], unique=False
        )
        batch_op.create_index(
            "uq_user_subscriptions_active_user",
            ["user_id"],
            unique=True,
            sqlite_where=sa.text("is_active IS 1"),
            postgresql_where=sa.text("is_active IS true"),
        )

    op.create_table(
        "credit_holds",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.Integer(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=50), nullable=False),
        sa.Column("credits_held", sa.Integer(), nullable=False),
        sa.Column("credits_settled", sa.Integer(), nullable=False),
        sa.Column("parts", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'pending') = (ended_at IS NULL)", name=op.f("ck_credit_holds_ended_once")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'settled', 'released', 'expired')",
            name=op.f("ck_credit_holds_state_known"),
        ),
        sa.CheckConstraint("credits_held > 0", name=op.f("ck_credit_holds_held_positive")),
        sa.CheckConstraint(
            "credits_settled <= credits_held", name=op.f("ck_credit_holds_settled_within_held")
        ),
        sa.CheckConstraint(
            "credits_settled >= 0", name=op.f("ck_credit_holds_settled_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["user_subscriptions.id"],
            name=op.f("fk_credit_holds_subscription_id"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_credit_holds_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_holds")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("credit_holds", schema=None) as batch_op:
        batch_op.create_index(
            "ix_credit_holds_pending",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )
        batch_op.create_index(
            "ix_credit_holds_subscription_cycle", ["subscription_id", "cycle"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_credit_holds_user_id"), ["user_id"], unique=False)

    op.create_table(
        "resets_set_aside",
        sa.Column("subscription_id", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=10), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "cause IN ('failed', 'runaway', 'paused')", name=op.f("ck_resets_set_aside_cause_known")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["user_subscriptions.id"],
            name=op.f("fk_resets_set_aside_subscription_id"),
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_resets_set_aside")),
    )
    op.create_table(
        "generations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("public_id", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("hold_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("request_key", sa.String(length=100), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("size", sa.String(length=20), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("images_requested", sa.Integer(), nullable=False),
        sa.Column("images_drawn", sa.Integer(), nullable=False),
        sa.Column("images_delivered", sa.Integer(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=50), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("failure_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL)",
            name=op.f("ck_generations_lease_while_running"),
        ),
        sa.CheckConstraint(
            "(state = 'succeeded') = (images_delivered > 0)",
            name=op.f("ck_generations_success_delivers"),
        ),
        sa.CheckConstraint(
            "(state IN ('succeeded', 'failed')) = (finished_at IS NOT NULL)",
            name=op.f("ck_generations_finished_once"),
        ),
        sa.CheckConstraint(
            "state != 'failed' OR failure_reason IS NOT NULL",
            name=op.f("ck_generations_failure_has_reason"),
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed')",
            name=op.f("ck_generations_state_known"),
        ),
        sa.CheckConstraint("height > 0", name=op.f("ck_generations_height_positive")),
        sa.CheckConstraint(
            "images_delivered <= images_requested",
            name=op.f("ck_generations_images_within_requested"),
        ),
        sa.CheckConstraint(
            "images_delivered >= 0", name=op.f("ck_generations_images_delivered_not_negative")
        ),
        sa.CheckConstraint(
            "images_drawn >= 0", name=op.f("ck_generations_images_drawn_not_negative")
        ),
        sa.CheckConstraint(
            "images_requested > 0", name=op.f("ck_generations_images_requested_positive")
        ),
        sa.CheckConstraint("seed >= 0", name=op.f("ck_generations_seed_not_negative")),
        sa.CheckConstraint("width > 0", name=op.f("ck_generations_width_positive")),
        sa.ForeignKeyConstraint(
            ["hold_id"], ["credit_holds.id"], name=op.f("fk_generations_hold_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_generations_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generations")),
        sa.UniqueConstraint("hold_id", name=op.f("uq_generations_hold_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_generations_public_id")),
        sa.UniqueConstraint(
            "user_id", "request_key", name=op.f("uq_generations_user_id_request_key")
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("generations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_generations_open_user",
            ["user_id"],
            unique=False,
            sqlite_where=sa.text("finished_at IS NULL"),
            postgresql_where=sa.text("finished_at IS NULL"),
        )
        batch_op.create_index("ix_generations_state_lease", ["state", "lease_until"], unique=False)
        batch_op.create_index(
            "ix_generations_user_created", ["user_id", "created_at"], unique=False
        )

    op.create_table(
        "usage_history",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.Integer(), nullable=True),
        sa.Column("hold_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("action", sa.String(length=50), nullable=False),
        sa.Column("credits_used", sa.Integer(), nullable=False),
        sa.Column("credits_delta", sa.Integer(), nullable=False),
        sa.Column("bonus_delta", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("balance_after", sa.Integer(), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "balance_after >= 0", name=op.f("ck_usage_history_balance_not_negative")
        ),
        sa.CheckConstraint("credits_used >= 0", name=op.f("ck_usage_history_used_not_negative")),
        sa.ForeignKeyConstraint(
            ["hold_id"], ["credit_holds.id"], name=op.f("fk_usage_history_hold_id")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["user_subscriptions.id"],
            name=op.f("fk_usage_history_subscription_id"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_usage_history_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_history")),
        sa.UniqueConstraint("hold_id", name=op.f("uq_usage_history_hold_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("usage_history", schema=None) as batch_op:
        batch_op.create_index("ix_usage_history_created", ["created_at"], unique=False)
        batch_op.create_index(
            "ix_usage_history_subscription_cycle", ["subscription_id", "cycle"], unique=False
        )
        batch_op.create_index(
            "ix_usage_history_user_created", ["user_id", "created_at", "id"], unique=False
        )
        batch_op.create_index(
            "uq_usage_history_reset",
            ["subscription_id", "cycle"],
            unique=True,
            sqlite_where=sa.text("action = 'monthly_reset'"),
            postgresql_where=sa.text("action = 'monthly_reset'"),
        )

    op.create_table(
        "images",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("public_id", sa.String(length=64), nullable=False),
        sa.Column(
            "generation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("thumbnail_name", sa.String(length=200), nullable=False),
        sa.Column("byte_count", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("byte_count > 0", name=op.f("ck_images_byte_count_positive")),
        sa.CheckConstraint("height > 0", name=op.f("ck_images_height_positive")),
        sa.CheckConstraint("position >= 0", name=op.f("ck_images_position_not_negative")),
        sa.CheckConstraint("seed >= 0", name=op.f("ck_images_seed_not_negative")),
        sa.CheckConstraint("width > 0", name=op.f("ck_images_width_positive")),
        sa.ForeignKeyConstraint(
            ["generation_id"], ["generations.id"], name=op.f("fk_images_generation_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_images_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("file_name", name=op.f("uq_images_file_name")),
        sa.UniqueConstraint(
            "generation_id", "position", name=op.f("uq_images_generation_id_position")
        ),
        sa.UniqueConstraint("public_id", name=op.f("uq_images_public_id")),
        sa.UniqueConstraint("thumbnail_name", name=op.f("uq_images_thumbnail_name")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("images", schema=None) as batch_op:
        batch_op.create_index("ix_images_user", ["user_id", "id"], unique=False)
