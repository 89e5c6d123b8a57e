"""What the shell runs: each command is a thin edge that reads the clock and settings once.

Owns words on the console and exit codes (0 done, 2 can't run like this: one line says why). What
the commands do belongs to the contexts they call.
"""

import click

from sketchmaker import __version__
from sketchmaker.commands.audit import audit
from sketchmaker.commands.books import books
from sketchmaker.commands.doctor import doctor
from sketchmaker.commands.failures import told_in_one_line
from sketchmaker.commands.outbox import outbox
from sketchmaker.commands.resets import resets
from sketchmaker.commands.user import user


@click.group()
@click.version_option(__version__, prog_name="Sketchmaker")
def sketchmaker() -> None:
    """Sketchmaker, a self-hosted image studio with credits."""


@sketchmaker.command()
def setup() -> None:
    """Bring the database up to date: tables, plans, first administrator."""
    with told_in_one_line():
        from sketchmaker.commands.setup import run

        run()


@sketchmaker.command()
def serve() -> None:
    """Serve the whole product in one process: pages, scheduler and studio."""
    with told_in_one_line():
        from sketchmaker.commands.serve import run

        run()


@sketchmaker.command()
def scheduler() -> None:
    """Run the scheduler alone, beside web processes on other hosts."""
    with told_in_one_line():
        from sketchmaker.commands.scheduler import run

        run()


sketchmaker.add_command(resets)
sketchmaker.add_command(books)
sketchmaker.add_command(doctor)
sketchmaker.add_command(outbox)
sketchmaker.add_command(user)
sketchmaker.add_command(audit)
