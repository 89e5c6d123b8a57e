"""Asking for a letter about an account: an event for the deliverer `mail`, in the transaction.

The event says what is asked for, never a secret: its link is made when the letter is written.
"""

import hashlib
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from sketchmaker.accounts import names
from sketchmaker.accounts.errors import UnusableEmail
from sketchmaker.limits.rules import Action
from sketchmaker.limits.uses import Limits, Who, account_of
from sketchmaker.record import outbox
from sketchmaker.record.outbox import Event

DELIVERER: Final = "mail"
CONFIRMATION_LINK: Final = "mail.confirmation-link"
PASSWORD_LINK: Final = "mail.password-link"  # noqa: S105 - the name of an event


def ask_for_password_link(
    session: Session, *, email: str, address: str, now: datetime, limits: Limits
) -> str:
    """Have a link for a new password sent to this e-mail address; gives its normal form.

    Nobody looks here whether it has an account: the letter's writer does, later. So whoever asks
    learns nothing, from the answer or from the time it takes. `address` is where it is asked from.

    Raises:
        UnusableEmail: no account can have it.
        LimitReached: it was asked too often, for this mailbox or from there.
    """
    email, problem = names.read_email(email)
    if problem is not None:
        raise UnusableEmail(problem)
    who = Who(account=f"mailbox {names.mailbox(email)}", address=address)
    limits.take(session, Action.PASSWORD_LINK, who, now=now)
    asked = Event(PASSWORD_LINK, subject_of_address(email), {"email": email})
    outbox.add_for(session, DELIVERER, asked, now=now)
    return email


def ask_for_confirmation_link(
    session: Session, *, user_id: int, now: datetime, limits: Limits
) -> None:
    """Have a link to confirm their address sent to somebody who has not done so.

    Raises:
        LimitReached: it was asked for too often.
    """
    limits.take(session, Action.CONFIRMATION_LINK, Who(account=account_of(user_id)), now=now)
    asked = Event(CONFIRMATION_LINK, outbox.subject_of(user_id), {"user": user_id})
    outbox.add_for(session, DELIVERER, asked, now=now)


def subject_of_address(email: str) -> str:
    """The subject of events about an e-mail address that may be nobody's."""
    return f"address {hashlib.sha256(names.key(email).encode()).hexdigest()}"
