"""`python -m sketchmaker outbox`: what could not be delivered, and trying it again."""

import click

from sketchmaker.commands.failures import told_in_one_line


@click.group()
def outbox() -> None:
    """Look at messages that could not be delivered, and try them again."""


@outbox.command()
def dead() -> None:
    """List the messages that nobody tries any more, the latest first."""
    with told_in_one_line():
        from sketchmaker import bootstrap
        from sketchmaker.record import outbox_deliveries

        with bootstrap.process_system().database.reading() as session:
            found = outbox_deliveries.dead_deliveries(session)
        for row in found:
            since = row.ended_at.isoformat(timespec="seconds") if row.ended_at else ""
            click.echo(f"{row.id}  {row.kind} for {row.subject}, {since}: {row.last_error}")
        click.echo(f"{len(found)} could not be delivered." if found else "Nothing is dead.")


@outbox.command()
@click.argument("numbers", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that are dead.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the audit trail.")
def replay(numbers: tuple[int, ...], *, everything: bool, reason: str) -> None:
    """Try the messages of these NUMBERS again, from the first attempt on."""
    with told_in_one_line():
        from sketchmaker import bootstrap
        from sketchmaker.commands.acting import operator
        from sketchmaker.record import outbox_deliveries

        if everything == bool(numbers):
            raise click.UsageError("Give numbers that `outbox dead` lists, or --all.")
        system = bootstrap.process_system()
        chosen = None if everything else numbers
        with system.database.transaction() as session:
            again = outbox_deliveries.replay(
                session, chosen, now=system.clock.now(), by=operator(), reason=reason
            )
        click.echo(f"{again} will be tried again.")
