"""`python -m sketchmaker scheduler`: resets and housekeeping without pages."""

import click

from sketchmaker import bootstrap
from sketchmaker.commands.stopping import wait_for_signal


def run() -> None:
    """Run the scheduler until the process is told to stop.

    Raises:
        SettingsError, SchemaError, DatabaseUnavailable: as `bootstrap.process_system`.
    """
    system = bootstrap.process_system()
    try:
        system.scheduler.start()
        click.echo("The scheduler is running. Ctrl-C stops.")
        wait_for_signal()
    finally:
        system.shutdown()
    click.echo("Stopped.")
