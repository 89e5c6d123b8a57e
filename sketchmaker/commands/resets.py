"""`python -m sketchmaker resets`: suspended resets, and resuming them."""

import click

from sketchmaker.commands.failures import told_in_one_line


@click.group()
def resets() -> None:
    """List suspended resets, and resume them."""


@resets.command()
def suspended() -> None:
    """List the suspended resets: which failed, ran away or were suspended by hand."""
    with told_in_one_line():
        from sketchmaker import bootstrap
        from sketchmaker.credits.resets import guard
        from sketchmaker.scheduling.job_ids import job_id_for

        with bootstrap.process_system().database.reading() as session:
            found = guard.all_suspended(session)
        for row in found:
            again = f"retried {row.retry_at.isoformat()}" if row.retry_at else "waits for an admin"
            click.echo(f"{job_id_for(row.subscription_id)}  {row.cause}, {again}: {row.error}")
        click.echo(f"{len(found)} suspended." if found else "Nothing is suspended.")


@resets.command()
@click.argument("job")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the audit trail.")
def resume(job: str, reason: str) -> None:
    """Resume the suspended reset JOB, a name like credit_reset_42."""
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
            was_suspended = guard.resume(
                session,
                subscription_id=subscription_id,
                now=SystemClock().now(),
                by=operator(),
                reason=reason,
            )
        click.echo(f"{job} is resumed." if was_suspended else f"{job} was not suspended.")
