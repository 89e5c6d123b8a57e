"""`python -m sketchmaker audit`: prove that nobody changed the audit trail, and take a copy of it.

Exit codes: 0 the chain holds, 1 it does not, 2 it can't be found out (one line says why).
"""

import sys
from datetime import timedelta
from typing import IO

import click

from sketchmaker.clock import SystemClock
from sketchmaker.commands.failures import told_in_one_line
from sketchmaker.commands.opened import opened_database
from sketchmaker.record import sealing
from sketchmaker.record.chain import Chain, canonical

DOES_NOT_HOLD = 1
SEALED_WITHIN = timedelta(minutes=1)


@click.group()
def audit() -> None:
    """Who changed what and why: prove that it was not changed afterwards, or copy it out."""


@audit.command()
def verify() -> None:
    """Follow the chain from its first entry. Exit code 1 when it does not hold."""
    chain, wrong = Chain(), 0
    with told_in_one_line(), opened_database() as database, database.reading() as session:
        for problem in sealing.verify(session, chain):
            click.echo(problem)
            wrong += 1
        since = SystemClock().now() - SEALED_WITHIN
        waiting = sealing.count_unsealed(session, since=since)
    if waiting:
        click.echo(f"{waiting} entries wait to be sealed for over a minute: no scheduler runs.")
    click.echo(f"Wrong: {wrong}. docs/audit.md says what it means." if wrong else _end(chain))
    sys.exit(DOES_NOT_HOLD if wrong else 0)


@audit.command()
@click.argument("file", type=click.File("w", encoding="utf-8", lazy=True), default="-")
def export(file: IO[str]) -> None:
    """Write the whole trail to FILE (else to stdout) as JSON Lines, sealed up to now.

    docs/verify_audit.py proves such a file anywhere.
    """
    chain = Chain()
    with told_in_one_line(), opened_database() as database:
        sealing.seal_all(database)
        with database.reading() as session:
            for entry in sealing.sealed_entries(session):
                click.echo(canonical(entry), file=file)
                chain.length, chain.last_hash = entry["sequence"], entry["hash"]
    click.echo(_end(chain), err=True)


def _end(chain: Chain) -> str:
    if chain.last_hash is None:
        return "The audit trail is empty."
    return (
        f"The chain holds: {chain.length} entries. The last is number {chain.length} with the hash "
        f"{chain.last_hash}: keep these two elsewhere, and a shortened trail will show."
    )
