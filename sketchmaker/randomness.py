"""The only maker of random values, so that a simulation can put its own in their place."""

import secrets
import string

PASSWORD_LENGTH = 20
_LETTERS = string.ascii_letters + string.digits


def token() -> str:
    """An unguessable URL-safe name or secret of 256 bits."""
    return secrets.token_urlsafe(32)


def password() -> str:
    """A password of 120 bits that can be copied by a double click and typed after any command."""
    # No dash or underscore: a dash at its beginning would make it an option.
    return "".join(secrets.choice(_LETTERS) for _ in range(PASSWORD_LENGTH))


def seed() -> int:
    """A number for a picture's generator, 0 to 2**31 - 1."""
    return secrets.randbelow(2**31)
