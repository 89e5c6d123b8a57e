"""`python setup_subscriptions.py`: everything that must be in the database before the first page.

Doing it twice changes nothing.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from sketchmaker import logs, randomness, schema, settings
from sketchmaker.accounts import directory, registration
from sketchmaker.accounts.errors import InvalidRegistration
from sketchmaker.accounts.registration import Registration
from sketchmaker.accounts.roles import Role
from sketchmaker.clock import SystemClock
from sketchmaker.credits.rows import plans
from sketchmaker.database import Database
from sketchmaker.database.exclusive import wait_for_other_setups
from sketchmaker.membership import enrol, enrol_everyone_without_a_plan
from sketchmaker.record.actor import Actor, Through
from sketchmaker.reports import listings
from sketchmaker.reports.listings import Totals
from sketchmaker.schema import Upgrade
from sketchmaker.settings import Settings, SettingsError

ADMIN_USERNAME = "admin"
ADMIN_EMAIL = "admin@localhost"

BY_SETUP: dict[str, Any] = {
    "by": Actor.program("setup", Through.COMMAND),
    "reason": "It was missing when the installation was set up.",
}

NO_SUPERADMIN = (
    f"There is no active superadmin, and somebody has the username {ADMIN_USERNAME} already. "
    "Make somebody superadmin: python -m sketchmaker user role NAME superadmin --reason TEXT."
)
SETTING_HAS_NO_EFFECT = (
    "Note: SKETCHMAKER_ADMIN_PASSWORD has no effect, because there is a superadmin already. "
    "python -m sketchmaker user reset-password NAME --reason TEXT sets a new password."
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FirstAdmin:
    """The administrator to make when there is none; `shown_password` is None if it was chosen."""

    registration: Registration
    shown_password: str | None


@dataclass(frozen=True)
class Report:
    """What a set-up did and found."""

    upgrade: Upgrade
    plans_made: int
    admin: FirstAdmin | None
    enrolled: int
    totals: Totals


def run() -> None:
    """Set up the database that the environment names, and say what was done."""
    configured = settings.load()
    logs.configure(configured, console=False)
    if configured.unknown_names_warning:
        click.echo(f"Warning: {configured.unknown_names_warning}", err=True)
    database = Database(configured.database_url)
    try:
        report = set_up(database, configured, now=SystemClock().now())
    finally:
        database.close()
    tell(report)
    if configured.admin_password and report.admin is None:
        click.echo(SETTING_HAS_NO_EFFECT)


def set_up(database: Database, configured: Settings, *, now: datetime) -> Report:
    """Upgrade the schema, then add the plans, the administrator and the free plans still missing.

    Raises:
        SchemaError, DatabaseUnavailable: the database can't be used.
        SettingsError: the administrator's settings can't be used.
        AccountError: the administrator's name or address belongs to somebody already.
    """
    upgrade = schema.upgrade(database)
    admin = _missing_admin(database, configured)
    with database.transaction() as session:
        wait_for_other_setups(session)
        plans_made = plans.ensure_default_plans(session, now=now, **BY_SETUP)
        if directory.superadmin_exists(session):
            admin = None
        if admin is not None:
            if directory.find_by_login(session, ADMIN_USERNAME):
                raise SettingsError(NO_SUPERADMIN)
            enrol(session, admin.registration, now=now, **BY_SETUP)
        enrolled = enrol_everyone_without_a_plan(session, now=now, **BY_SETUP)
    logger.info("set-up done: schema %s, %d plans made", upgrade.after, plans_made)
    with database.reading() as session:
        return Report(upgrade, plans_made, admin, enrolled, listings.totals(session, now=now))


def _missing_admin(database: Database, configured: Settings) -> FirstAdmin | None:
    # Hashing is slow, so it is done before the transaction, which then looks again.
    with database.reading() as session:
        if directory.superadmin_exists(session):
            return None
    generated = None if configured.admin_password else randomness.password()
    try:
        prepared = registration.prepare(
            username=ADMIN_USERNAME,
            email=configured.admin_email or ADMIN_EMAIL,
            password=configured.admin_password or str(generated),
            role=Role.SUPERADMIN,
        )
    except InvalidRegistration as error:
        raise SettingsError(_in_settings_words(error)) from error
    return FirstAdmin(prepared, generated)


def _in_settings_words(error: InvalidRegistration) -> str:
    names = {"email": "SKETCHMAKER_ADMIN_EMAIL", "password": "SKETCHMAKER_ADMIN_PASSWORD"}
    return " ".join(
        f"{names.get(field, field)}: {problem}" for field, problem in error.problems.items()
    )


def tell(report: Report) -> None:
    """Print what a set-up did and found."""
    click.echo(_schema_line(report.upgrade))
    if report.plans_made:
        click.echo(f"Plans:   {report.plans_made} made")
    if report.enrolled:
        click.echo(f"Free:    {report.enrolled} users without a plan have the free one now")
    if report.admin is not None:
        _tell_admin(report.admin)
    _tell_totals(report.totals)


def _schema_line(upgrade: Upgrade) -> str:
    if upgrade.before == upgrade.after:
        return f"Schema:  {upgrade.after}, up to date"
    return f"Schema:  {upgrade.after}, upgraded from {upgrade.before or 'an empty database'}"


def _tell_admin(admin: FirstAdmin) -> None:
    click.echo(f"Admin:   {admin.registration.username} <{admin.registration.email}>")
    if admin.shown_password is None:
        click.echo("         with the password of SKETCHMAKER_ADMIN_PASSWORD")
    else:
        click.secho(f"         password {admin.shown_password}", bold=True)
        click.echo("         Keep it: it is shown this once and stored nowhere.")


def _tell_totals(totals: Totals) -> None:
    by_plan = ", ".join(f"{name} {count}" for name, count in totals.by_plan)
    click.echo(f"Users:   {totals.users}, with {totals.active_subscriptions} active subscriptions")
    click.echo(f"By plan: {by_plan}")
