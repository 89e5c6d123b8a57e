"""`python -m sketchmaker books`: prove that every credit is explained, and mend what is not.

Exit codes: 0 the books close, 1 they do not, 2 it can't be found out (one line says why).
"""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import click
from sqlalchemy.orm import Session

from sketchmaker import schema
from sketchmaker.accounts import directory
from sketchmaker.accounts.roles import Role
from sketchmaker.clock import SystemClock
from sketchmaker.commands.failures import CannotRepair, told_in_one_line
from sketchmaker.commands.long_wait import LongWait
from sketchmaker.commands.opened import opened_database
from sketchmaker.credits import books as credit_books
from sketchmaker.credits.books import Repair, Violation
from sketchmaker.database import Database
from sketchmaker.record.actor import Actor, Through

DOES_NOT_CLOSE = 1


@click.group()
def books() -> None:
    """Prove that every credit is explained; propose what would mend it."""


@books.command()
def verify() -> None:
    """Prove every invariant over the whole database. Exit code 1 when one does not hold.

    The schema that guards them is compared with the tables of the code as well.
    """
    with told_in_one_line(), opened_database() as database:
        lacking = schema.differences(database)
        for difference in lacking:
            click.echo(f"schema: {difference}")
        broken: Counter[str] = Counter()
        with LongWait("Verifying") as wait, database.reading() as session:
            for violation in credit_books.verify(session, now=SystemClock().now(), progress=wait):
                wait.say(str(violation))
                broken[violation.invariant] += 1
    click.echo(summary(broken))
    if lacking:
        click.echo(f"The schema that guards them lacks {len(lacking)} of its parts: see above.")
    sys.exit(DOES_NOT_CLOSE if broken or lacking else 0)


@books.command()
@click.option("--apply", "is_applied", is_flag=True, help="Do it; else it is only told.")
@click.option("--by", metavar="USERNAME", help="On which admin's word.")
@click.option("--reason", metavar="TEXT", help="Why; people read it in their history.")
def repair(*, is_applied: bool, by: str | None, reason: str | None) -> None:
    """Tell which entries would mend the books; with --apply, add them.

    No row of the ledger is ever edited. Exit code 1 when something is left that does not hold.
    """
    with told_in_one_line(), opened_database() as database:
        now = SystemClock().now()
        author = _author(database, by, reason) if is_applied else None
        violations = _violations(database, now)
        with database.transaction() as session:
            repairs = _repairs(session, violations, author, reason or "", now)
        left = _violations(database, now) if is_applied else violations
    tell_repairs(repairs, is_applied=is_applied)
    click.echo(summary(Counter(violation.invariant for violation in left)))
    sys.exit(DOES_NOT_CLOSE if left else 0)


def summary(broken: Counter[str]) -> str:
    """One line for everything that was found, by invariant."""
    if not broken:
        return "The books close: every invariant holds for every row."
    by_name = ", ".join(f"{name} {count}" for name, count in sorted(broken.items(), key=_number))
    noun = "violation" if broken.total() == 1 else "violations"
    return f"{broken.total()} {noun} ({by_name}). docs/invariants.md says what each one means."


def tell_repairs(repairs: Sequence[Repair], *, is_applied: bool) -> None:
    """Print what was done, or would be."""
    for one in repairs:
        click.echo(str(one))
    if not is_applied and any(one.is_possible for one in repairs):
        click.echo("Nothing was changed. Add --apply --by USERNAME --reason TEXT to do it.")


def _number(item: tuple[str, int]) -> int:
    return int(item[0][1:])


def _violations(database: Database, now: datetime) -> list[Violation]:
    with LongWait("Verifying") as wait, database.reading() as session:
        return list(credit_books.verify(session, now=now, progress=wait))


def _repairs(
    session: Session,
    violations: list[Violation],
    author: Actor | None,
    reason: str,
    now: datetime,
) -> list[Repair]:
    if author is None:
        return credit_books.propose_repairs(session, violations, now=now)
    return credit_books.apply_repairs(session, violations, by=author, reason=reason, now=now)


def _author(database: Database, username: str | None, reason: str | None) -> Actor:
    if not username or not (reason or "").strip():
        raise CannotRepair(
            "A correction needs a name and a reason: add --by USERNAME and --reason TEXT."
        )
    with database.reading() as session:
        user = directory.find_by_login(session, username)
    if user is None or not user.is_active or not Role(user.role).at_least(Role.ADMIN):
        raise CannotRepair(f"{username!r} is not an active administrator: name one by --by.")
    return Actor(user.id, user.username, str(user.role), Through.COMMAND)
