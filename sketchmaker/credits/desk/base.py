"""What every desk does: a verb in a transaction of its own, again when another was in its way."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Table, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.credits.rows import idempotency
from sketchmaker.credits.rows.idempotency import Answer, Request
from sketchmaker.credits.rules.errors import ChangedMeanwhile, CreditError, ResetConflict
from sketchmaker.database import Database, TransactionConflict

ATTEMPTS = 8

Result = TypeVar("Result")


class DeskBase:
    """Transactions and remembered answers for the verbs of a desk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def once(
        self, request: Request, now: datetime, work: Callable[[Session], dict[str, Any]]
    ) -> Answer:
        def attempt(session: Session) -> Answer:
            return idempotency.once(session, request, now=now, work=lambda: work(session))

        idempotency.check_key(request.key)
        try:
            return self.attempt(attempt)
        except CreditError:
            # The same request, sent twice at once: the other was first, so nothing was left to do.
            with self._database.reading() as session:
                earlier = idempotency.find(session, request, now=now)
            if earlier is None:
                raise
            return earlier

    def attempt(self, work: Callable[[Session], Result]) -> Result:
        """Run the work in a transaction; again when another was in its way, `ATTEMPTS` times."""
        for _ in range(ATTEMPTS - 1):
            try:
                with self._database.transaction() as session:
                    return work(session)
            except (ChangedMeanwhile, ResetConflict, TransactionConflict, IntegrityError):
                continue
        with self._database.transaction() as session:
            return work(session)

    def _owner(self, table: Table, row_id: int, not_found: Callable[[int], CreditError]) -> int:
        """The user whose row it is, and whose key names the request."""
        with self._database.reading() as session:
            user_id = session.scalar(select(table.c.user_id).where(table.c.id == row_id))
        if user_id is None:
            raise not_found(row_id)
        return int(user_id)
