"""`python -m sketchmaker scheduler`: resets, housekeeping and mail without pages."""

import click

from sketchmaker import bootstrap
from sketchmaker.commands.stopping import stop_event


def run() -> None:
    """Run the scheduler until the process is told to stop.

    Raises:
        SettingsError, SchemaError, DatabaseUnavailable: as `bootstrap.process_system`.
    """
    system = bootstrap.process_system()
    told = stop_event()
    try:
        system.scheduler.start()
        system.deliveries.start()
        click.echo("The scheduler is running. Ctrl-C stops.")
        told.wait()
    finally:
        system.shutdown()
        click.echo("Stopped.")
