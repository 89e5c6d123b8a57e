"""Proof that a person reads the mail of the address they gave: a link that only its mailbox gets.

The link is worked out from the account and the secret key. So nothing of it is in the database, a
letter that is sent twice has the same link, and it ends when the address changes.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sketchmaker.accounts.errors import ConfirmationLinkInvalid
from sketchmaker.accounts.tables import User

PATIENCE: Final = timedelta(days=7)
"""For so long an account keeps its name and address without proof."""

HIGHEST_ID: Final = 2**31 - 1


def link_token(user: User, *, secret_key: str) -> str:
    """What the link ends with: it proves itself."""
    return f"{user.id}.{_signature(user.id, user.email_key, secret_key)}"


def find(session: Session, token: str, *, secret_key: str) -> User:
    """Whose address the link confirms, be it confirmed already.

    Raises:
        ConfirmationLinkInvalid: it is for no account, or for another address.
    """
    number, _, signature = token.partition(".")
    user_id = int(number) if number.isascii() and number.isdecimal() and len(number) < 11 else 0
    user = session.get(User, user_id) if user_id <= HIGHEST_ID else None
    if user is None or not user.is_active:
        raise ConfirmationLinkInvalid
    expected = _signature(user.id, user.email_key, secret_key)
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        raise ConfirmationLinkInvalid
    return user


def confirm(session: Session, user_id: int) -> bool:
    """Note that the address is theirs; False when it was before."""
    waits = (User.id == user_id, User.email_unconfirmed_since.is_not(None))
    confirmed = update(User).where(*waits).values(email_unconfirmed_since=None)
    return bool(session.scalars(confirmed.returning(User.id)).all())


def given_up(session: Session, *, now: datetime, limit: int = 20) -> list[int]:
    """Accounts whose address nobody has confirmed in time, the oldest first, at most `limit`.

    They are locked: whoever confirms at this very moment comes before or after.
    """
    past = select(User.id).where(User.email_unconfirmed_since < now - PATIENCE)
    oldest_first = past.order_by(User.email_unconfirmed_since).limit(limit)
    return list(session.scalars(oldest_first.with_for_update(skip_locked=True)))


def _signature(user_id: int, email_key: str, secret_key: str) -> str:
    said = f"confirm-address|{user_id}|{email_key}".encode()
    digest = hmac.new(secret_key.encode(), said, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
