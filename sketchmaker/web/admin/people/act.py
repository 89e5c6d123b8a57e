"""An act of an admin on somebody's credits, plan or resets: from its form to its verb.

An act is a value: it can be signed into a page, foreseen by running it in a transaction that is
undone, and applied later just so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from sqlalchemy.orm import Session

from sketchmaker.credits.reading.statement import Statement
from sketchmaker.record.actor import Actor

Form = Mapping[str, str]


class FormRefused(ValueError):
    """A field of a form can't be used; the sentence says what to write instead."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Doing:
    """Who does an act, to whose subscription as it is now, when and why."""

    by: Actor
    own: Statement
    reason: str
    now: datetime

    @property
    def given(self) -> dict[str, Any]:
        """What every managing verb is given."""
        return {"by": self.by, "reason": self.reason, "now": self.now}


class Act:
    """One thing to do. `name` is said in addresses and pages, `words` on the button.

    `reason_if_none` stands for a reason that nobody wrote; empty where one is demanded.
    """

    name: ClassVar[str]
    reason_if_none: ClassVar[str] = ""

    @classmethod
    def from_form(cls, form: Form, own: Statement, now: datetime) -> Self:
        """The act that a form asks for.

        Raises:
            FormRefused: a field can't be used.
        """
        del form, own, now
        return cls()

    @property
    def words(self) -> str:
        """What the button says that does it."""
        raise NotImplementedError

    def run(self, session: Session, doing: Doing) -> None:
        """Do it, in the caller's transaction. Raises what its verb raises."""
        raise NotImplementedError
