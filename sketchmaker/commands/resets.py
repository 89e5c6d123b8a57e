"""`python -m sketchmaker resets`: what resets leave out, and letting it in again."""

import click

from sketchmaker.commands.failures import told_in_one_line


@click.group()
def resets() -> None:
    """Look at resets that are left out, and let them in again."""


@resets.command("left-out")
def left_out() -> None:
    """List the subscriptions whose reset failed, was parked or paused."""
    with told_in_one_line():
        from sketchmaker import bootstrap
        from sketchmaker.credits.resets import guard
        from sketchmaker.scheduling.job_ids import job_id_for

        with bootstrap.process_system().database.reading() as session:
            found = guard.all_set_aside(session)
        for row in found:
            again = f"again {row.retry_at.isoformat()}" if row.retry_at else "waits for an admin"
            click.echo(f"{job_id_for(row.subscription_id)}  {row.cause}, {again}: {row.error}")
        click.echo(f"{len(found)} left out." if found else "Nothing is left out.")


@resets.command()
@click.argument("job")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the audit trail.")
def release(job: str, reason: str) -> None:
    """Let JOB, a name like credit_reset_42, be reset again at once."""
    with told_in_one_line():
        from sketchmaker import bootstrap
        from sketchmaker.clock import SystemClock
        from sketchmaker.commands.acting import operator
        from sketchmaker.credits.resets import guard
        from sketchmaker.credits.rows import state
        from sketchmaker.credits.rules.errors import SubscriptionNotFound
        from sketchmaker.scheduling.job_ids import subscription_id_of

        subscription_id = subscription_id_of(job)
        if subscription_id is None:
            raise click.BadParameter(f"{job!r} is not a job: give a name like credit_reset_42.")
        with bootstrap.process_system().database.transaction() as session:
            if state.of_subscription(session, subscription_id) is None:
                raise SubscriptionNotFound(subscription_id)
            was_left_out = guard.release(
                session,
                subscription_id=subscription_id,
                now=SystemClock().now(),
                by=operator(),
                reason=reason,
            )
        click.echo(f"{job} is let in again." if was_left_out else f"{job} was not left out.")
