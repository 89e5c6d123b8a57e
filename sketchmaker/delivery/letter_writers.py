"""The letters that people get, written at the moment they are sent."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import select

from sketchmaker import logs
from sketchmaker.accounts import confirmation, letters, names, reset_links
from sketchmaker.accounts.tables import User
from sketchmaker.clock import Clock
from sketchmaker.database import Database
from sketchmaker.delivery.letters import Letter
from sketchmaker.delivery.mail import Writer
from sketchmaker.randomness import token
from sketchmaker.record.actor import Actor
from sketchmaker.record.outbox_deliveries import Delivery

BY: Final = Actor.program("mail")
WHY: Final = "Somebody asked for it by e-mail."


class LetterWriters:
    """Writes each kind of letter; `site` is the address that its links begin with."""

    def __init__(self, database: Database, clock: Clock, *, site: str, secret_key: str) -> None:
        self._database = database
        self._clock = clock
        self._site = site
        self._secret_key = secret_key

    def by_kind(self) -> Mapping[str, Writer]:
        """Who writes the letter of an event, by its kind."""
        return {
            letters.PASSWORD_LINK: self.password_link,
            letters.CONFIRMATION_LINK: self.confirmation_link,
        }

    def password_link(self, delivery: Delivery) -> Letter | None:
        """A link to choose a new password; None when nobody has this address.

        The link is made here, so that the outbox has no secret. Written again it is another one,
        and the earlier one ends.
        """
        email_key = names.key(str(delivery.payload["email"]))
        secret = token()
        with self._database.transaction() as session:
            person = session.scalar(select(User).where(User.email_key == email_key, User.is_active))
            if person is None:
                return None
            now = self._clock.now()
            reset_links.issue(session, user_id=person.id, token=secret, now=now, by=BY, reason=WHY)
        logs.security("reset link mailed", user=person.id)
        hours = reset_links.LIFETIME // timedelta(hours=1)
        return Letter(
            to=person.email,
            subject="Choose a new password",
            greeting=f"Hello {person.username},",
            before=(
                f"Somebody, probably you, asked for a new password at {self._site}.",
                "Choose one here:",
            ),
            link=f"{self._site}/reset-password/{secret}",
            link_text="Choose a new password",
            after=(
                f"The link works once, within {hours} hours. A newer one ends it.",
                "If it wasn't you, ignore this letter: your password stays as it is.",
            ),
        )

    def confirmation_link(self, delivery: Delivery) -> Letter | None:
        """A link that proves who reads it; None when that is known by now."""
        with self._database.reading() as session:
            person = session.get(User, int(delivery.payload["user"]))
        if person is None or not person.is_active or person.email_unconfirmed_since is None:
            return None
        token = confirmation.link_token(person, secret_key=self._secret_key)
        days = confirmation.PATIENCE // timedelta(days=1)
        return Letter(
            to=person.email,
            subject="Confirm your e-mail address",
            greeting=f"Hello {person.username},",
            before=(
                f"Somebody, probably you, made an account with this address at {self._site}.",
                "Confirm that it is yours, and your credits are there:",
            ),
            link=f"{self._site}/confirm-address/{token}",
            link_text="Confirm my address",
            after=(
                f"If it wasn't you, ignore this letter: the account is deleted within {days} days.",
            ),
        )
