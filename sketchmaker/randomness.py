"""The only maker of random values, so that a simulation can put its own in their place."""

import secrets


def token() -> str:
    """An unguessable URL-safe name or secret of 256 bits."""
    return secrets.token_urlsafe(32)


def seed() -> int:
    """A number for a picture's generator, 0 to 2**31 - 1."""
    return secrets.randbelow(2**31)
