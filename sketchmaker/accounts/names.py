"""What a username and an e-mail address may look like, and when two are the same."""

import re
import unicodedata

import email_validator

USERNAME_SHORTEST, USERNAME_LONGEST = 3, 30
EMAIL_LONGEST = 254

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DOTLESS_DOMAINS = {"gmail.com", "googlemail.com"}
_RESERVED = {
    "abuse",
    "admin",
    "administrator",
    "administration",
    "anonymous",
    "api",
    "billing",
    "everybody",
    "everyone",
    "help",
    "helpdesk",
    "hostmaster",
    "mail",
    "moderator",
    "nobody",
    "noreply",
    "null",
    "official",
    "operator",
    "owner",
    "postmaster",
    "root",
    "security",
    "sketchmaker",
    "staff",
    "superadmin",
    "superuser",
    "support",
    "sysadmin",
    "system",
    "team",
    "undefined",
    "webmaster",
}

# An office's own network has mail at these, and the operator's first address is often on one.
for _domain in ("local", "localhost", "test"):
    if _domain in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_domain)


def key(name: str) -> str:
    """The form in which two spellings of one name are equal: NFKC, case folded, no space around."""
    folded = unicodedata.normalize("NFKC", name.strip()).casefold()
    return unicodedata.normalize("NFKC", folded)


def username_problem(username: str) -> str | None:
    """What is wrong with a trimmed username, as a sentence; None when it can be used."""
    if not username:
        return "Choose a username."
    if not USERNAME_SHORTEST <= len(username) <= USERNAME_LONGEST:
        return f"A username has {USERNAME_SHORTEST} to {USERNAME_LONGEST} characters."
    if not _USERNAME.fullmatch(username):
        return (
            "A username is made of the letters a to z, digits, dots, hyphens and underscores, "
            "and starts with a letter or a digit."
        )
    return None


def is_reserved(username: str) -> bool:
    """Whether a stranger could pass for the house, or for somebody who left, under this name."""
    core = re.sub(r"[._-]", "", key(username))
    return core in _RESERVED or re.fullmatch(r"deleted\d*", core) is not None


def read_email(text: str) -> tuple[str, str | None]:
    """The address in its normal form and what is wrong with it (None when it can be used).

    Whether mail arrives there is not checked: an installation may have no network.
    """
    text = text.strip()
    if not text:
        return text, "Enter your e-mail address."
    # A name without a dot is nearly always a slip ("ada@gmail"), but for this one.
    dotless_allowed = text.casefold().endswith("@localhost")
    try:
        checked = email_validator.validate_email(
            text, check_deliverability=False, globally_deliverable=not dotless_allowed
        )
    except email_validator.EmailNotValidError as error:
        reason = str(error).rstrip(".")
        return text, f"This e-mail address can't be used: {reason[0].lower()}{reason[1:]}."
    if len(checked.normalized) > EMAIL_LONGEST:
        return text, f"An e-mail address has at most {EMAIL_LONGEST} characters."
    return checked.normalized, None


def mailbox(email: str) -> str:
    """The mailbox behind an address, as far as it shows: without a tag, at Google without dots."""
    local, _, domain = key(email).rpartition("@")
    local = local.partition("+")[0]
    if domain in _DOTLESS_DOMAINS:
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"
