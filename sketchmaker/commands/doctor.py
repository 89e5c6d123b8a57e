"""`python -m sketchmaker doctor`: is anything wrong with this installation, and what to do.

Exit codes: 0 nothing is, 1 something failed, 2 it can't be found out (one line says why).
"""

import sys

import click

from sketchmaker.commands.failures import told_in_one_line


@click.command()
@click.option(
    "--hammer", "is_hammered", is_flag=True, help="Race the engine on a scratch database as well."
)
def doctor(*, is_hammered: bool) -> None:
    """Look at settings, database, scheduler, clock and books. Changes nothing."""
    with told_in_one_line():
        from sketchmaker.commands.examination import FAILED, examine

        findings = 0
        for finding in examine():
            click.echo(str(finding))
            findings += finding.level == FAILED
        if is_hammered:
            findings += not _hammer()
    click.echo("Nothing is wrong." if not findings else f"{findings} of these need you.")
    sys.exit(1 if findings else 0)


def _hammer() -> bool:
    from sketchmaker import settings
    from sketchmaker.commands.hammer import RaceResult, hammer
    from sketchmaker.commands.stopping import exit_at_signals

    def tell(result: RaceResult) -> None:
        click.echo(str(result))

    # Ctrl-C must leave nothing behind: as an exit it lets every block end.
    exit_at_signals()
    return hammer(settings.load(creates=False).database_url, tell)
