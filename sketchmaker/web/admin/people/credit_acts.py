"""Acts on somebody's credits: adding, setting, taking back, and undoing a grant."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self

from sqlalchemy.orm import Session

from sketchmaker.credits.managing import adjustments, granting, voids
from sketchmaker.credits.reading.statement import Statement
from sketchmaker.credits.rules.errors import NothingToChange
from sketchmaker.web.admin.people import fields
from sketchmaker.web.admin.people.act import Act, Doing, Form, FormRefused
from sketchmaker.web.frame.wording import counted


@dataclass(frozen=True, slots=True)
class AddCredits(Act):
    """Bonus credits: kept after the reset, or until `expires_at`."""

    name: ClassVar[str] = "add-credits"

    credits: int
    kind: str
    expires_at: str | None

    @classmethod
    def from_form(cls, form: Form, own: Statement, now: datetime) -> Self:
        """See `Act.from_form`."""
        kind = form.get("kind", "")
        if kind not in granting.KINDS:
            raise FormRefused("kind", "Choose what the credits are given as.")
        expires_at = fields.expiry(form, own, now)
        return cls(fields.amount(form), kind, expires_at.isoformat() if expires_at else None)

    @property
    def words(self) -> str:
        """See `Act.words`."""
        return f"Add {counted(self.credits, 'credit')}"

    def run(self, session: Session, doing: Doing) -> None:
        """See `Act.run`."""
        expires_at = datetime.fromisoformat(self.expires_at) if self.expires_at else None
        granting.grant(
            session,
            user_id=doing.own.user_id,
            credits=self.credits,
            kind=self.kind,
            expires_at=expires_at,
            **doing.given,
        )


@dataclass(frozen=True, slots=True)
class TakeBack(Act):
    """Credits of this cycle's allowance are taken back, or as many as are left."""

    name: ClassVar[str] = "take-back"

    credits: int

    @classmethod
    def from_form(cls, form: Form, own: Statement, now: datetime) -> Self:
        """See `Act.from_form`."""
        del own, now
        return cls(fields.amount(form))

    @property
    def words(self) -> str:
        """See `Act.words`."""
        return f"Take back {counted(self.credits, 'credit')}"

    def run(self, session: Session, doing: Doing) -> None:
        """See `Act.run`."""
        adjustments.revoke(session, user_id=doing.own.user_id, credits=self.credits, **doing.given)


@dataclass(frozen=True, slots=True)
class SetCredits(Act):
    """So many are available until the reset: a bonus makes them more, taking back fewer."""

    name: ClassVar[str] = "set-credits"

    credits: int

    @classmethod
    def from_form(cls, form: Form, own: Statement, now: datetime) -> Self:
        """See `Act.from_form`."""
        del own, now
        return cls(fields.amount(form, lowest=0))

    @property
    def words(self) -> str:
        """See `Act.words`."""
        return f"Set to {counted(self.credits, 'credit')}"

    def run(self, session: Session, doing: Doing) -> None:
        """See `Act.run`."""
        own, more = doing.own, self.credits - doing.own.available
        if more == 0:
            raise NothingToChange(f"They have {counted(self.credits, 'credit')} already.")
        if more > 0:
            until = own.next_reset.isoformat()
            AddCredits(more, "correction", until).run(session, doing)
            return
        if self.credits < own.bonus:
            raise NothingToChange(
                f"{counted(own.bonus, 'credit')} of theirs are a bonus: undo its grant in the "
                "ledger instead."
            )
        TakeBack(-more).run(session, doing)


@dataclass(frozen=True, slots=True)
class UndoGrant(Act):
    """What is left of a grant is taken back."""

    name: ClassVar[str] = "undo-grant"

    grant_id: int

    @classmethod
    def from_form(cls, form: Form, own: Statement, now: datetime) -> Self:
        """See `Act.from_form`."""
        del own, now
        return cls(fields.number(form, "grant_id"))

    @property
    def words(self) -> str:
        """See `Act.words`."""
        return "Void the grant"

    def run(self, session: Session, doing: Doing) -> None:
        """See `Act.run`."""
        voids.void(session, grant_id=self.grant_id, **doing.given)
