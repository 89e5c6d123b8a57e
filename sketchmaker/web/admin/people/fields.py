"""Fields of the console's forms, read without trust. Each raises `FormRefused` with a sentence."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sketchmaker.credits.reading.statement import Statement
from sketchmaker.credits.rules.amounts import MAX_CREDITS
from sketchmaker.web.admin.people.act import Form, FormRefused


def amount(form: Form, *, lowest: int = 1) -> int:
    """The field `credits`: whole credits from `lowest` on."""
    credits = number(form, "credits")
    if not lowest <= credits <= MAX_CREDITS:
        raise FormRefused("credits", f"Write a whole number from {lowest} to {MAX_CREDITS:,}.")
    return credits


def number(form: Form, field: str) -> int:
    """A whole number, 0 or more; people may write 1,000."""
    text = form.get(field, "").strip().replace(",", "").replace("\N{NO-BREAK SPACE}", "")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_CREDITS)) + 1):
        raise FormRefused(field, f"Write a whole number, such as 25, not {text[:20]!r}.")
    return int(text)


def expiry(form: Form, own: Statement, now: datetime) -> datetime | None:
    """When bonus credits end; None for never."""
    choice = form.get("expires", "never")
    if choice == "never":
        return None
    if choice == "cycle":
        return own.next_reset
    expires_at = instant(form, "expires_at", own.time_zone)
    if expires_at <= now:
        raise FormRefused("expires_at", "Choose a date that is still to come.")
    return expires_at


def instant(form: Form, field: str, zone: str) -> datetime:
    """A date, or date and time, as browsers send it, in the person's own zone."""
    try:
        local = datetime.fromisoformat(form.get(field, "")).replace(tzinfo=ZoneInfo(zone))
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        raise FormRefused(field, "Choose a date, such as 2026-12-24.") from None
