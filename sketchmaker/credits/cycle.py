"""The published name of the rule of dates; it lives in `sketchmaker.credits.rules.cycle`."""

from sketchmaker.credits.rules.cycle import (
    cycle_number,
    cycle_start,
    days_until,
    next_reset_after,
    upcoming_resets,
)

__all__ = ["cycle_number", "cycle_start", "days_until", "next_reset_after", "upcoming_resets"]
