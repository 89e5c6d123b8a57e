"""What `usage_history.action` says, beside the names that features give their own spending."""

RESET_ACTION = "monthly_reset"
START_ACTION = "subscription_started"
FORCE_RESET_ACTION = "force_reset"
PLAN_ACTION = "plan_changed"
RESTART_ACTION = "cycle_restarted"
DEACTIVATION_ACTION = "subscription_deactivated"
REACTIVATION_ACTION = "subscription_reactivated"
ADJUSTMENT_ACTION = "manual_adjustment"
GRANT_ACTION = "credits_granted"
GRANT_EXPIRY_ACTION = "grant_expired"
GRANT_VOID_ACTION = "grant_voided"
REFUND_ACTION = "credits_refunded"
RESCHEDULE_ACTION = "reset_moved"
CORRECTION_ACTION = "books_correction"

BY_HAND_ACTIONS = (FORCE_RESET_ACTION, RESTART_ACTION)
ALLOWANCE_ACTIONS = (RESET_ACTION, *BY_HAND_ACTIONS)
"""Those that give an allowance afresh: on an admin's word, and altogether."""

ENGINE_ACTIONS = frozenset(
    {
        RESET_ACTION,
        START_ACTION,
        FORCE_RESET_ACTION,
        PLAN_ACTION,
        RESTART_ACTION,
        DEACTIVATION_ACTION,
        REACTIVATION_ACTION,
        ADJUSTMENT_ACTION,
        GRANT_ACTION,
        GRANT_EXPIRY_ACTION,
        GRANT_VOID_ACTION,
        REFUND_ACTION,
        RESCHEDULE_ACTION,
        CORRECTION_ACTION,
    }
)
"""What the engine itself writes. No feature may call its spending by one of these names."""
