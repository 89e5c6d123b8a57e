"""`python -m sketchmaker user`: accounts from the shell, for whoever runs the installation.

No password is ever an argument: it is asked for, read from stdin, or made up and shown once.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click
from sqlalchemy.orm import Session

from sketchmaker.commands.failures import told_in_one_line

ROLES = click.Choice(["user", "admin", "superadmin"])
_REASON = click.option("--reason", required=True, metavar="TEXT", help="Why, for the audit trail.")
_IN_STDIN = click.option("--stdin", "is_in_stdin", is_flag=True, help="Read it from stdin.")
_ASKED_FOR = click.option("--ask", "is_asked_for", is_flag=True, help="Ask for it.")


@click.group()
def user() -> None:
    """Look after accounts: list, make, change roles, reset passwords, switch off and on."""


@user.command("list")
def list_users() -> None:
    """List everybody: number, name, address, role."""
    with _opened() as (session, _now):
        from sketchmaker.accounts import directory

        found = directory.everybody(session)
        for one in found:
            state = "" if one.is_active else "  deactivated"
            click.echo(f"{one.id:>6}  {one.username:<30}  {one.role:<10}  {one.email}{state}")
    click.echo(f"{len(found)} users.")


@user.command()
@click.argument("username")
@click.argument("email")
@click.option("--role", type=ROLES, default="user", show_default=True, help="What they may do.")
@_ASKED_FOR
@_IN_STDIN
@_REASON
def create(
    *,
    username: str,
    email: str,
    role: str,
    is_asked_for: bool,
    is_in_stdin: bool,
    reason: str,
) -> None:
    """Make an account with the default plan. The password is made up and shown, if not given."""
    with told_in_one_line():
        from sketchmaker import membership
        from sketchmaker.accounts import registration
        from sketchmaker.accounts.roles import Role
        from sketchmaker.commands.acting import operator

        password, is_made_up = _password(is_asked_for=is_asked_for, is_in_stdin=is_in_stdin)
        prepared = registration.prepare(
            username=username, email=email, password=password, role=Role(role)
        )
        with _opened() as (session, now):
            made = membership.enrol(session, prepared, now=now, by=operator(), reason=reason)
        click.echo(f"{made.username} is made: user {made.id}, {role}.")
        _tell_password(password, is_made_up=is_made_up)


@user.command()
@click.argument("name")
@click.argument("new_role", metavar="ROLE", type=ROLES)
@_REASON
def role(*, name: str, new_role: str, reason: str) -> None:
    """Give NAME (username or e-mail) the role user, admin or superadmin."""
    with _opened() as (session, now):
        from sketchmaker.accounts import administration, directory
        from sketchmaker.accounts.roles import Role
        from sketchmaker.commands.acting import operator

        found = directory.get_by_login(session, name)
        before = administration.set_role(
            session,
            user_id=found.id,
            role=Role(new_role),
            now=now,
            by=operator(),
            reason=reason,
        )
    _note("role changed", user=found.id, before=str(before), after=new_role)
    click.echo(f"{found.username} is {new_role} now, before {before}.")


@user.command("reset-password")
@click.argument("name")
@click.option("--link", "is_link", is_flag=True, help="Print a one-time link instead.")
@_ASKED_FOR
@_IN_STDIN
@_REASON
def reset_password(
    *, name: str, is_link: bool, is_asked_for: bool, is_in_stdin: bool, reason: str
) -> None:
    """Set a new password for NAME (username or e-mail), or print a link to choose one.

    The password is made up and shown once, if it is not asked for or read. Every session ends.
    """
    with told_in_one_line():
        if is_link:
            _print_link(name, reason)
            return
        password, is_made_up = _password(is_asked_for=is_asked_for, is_in_stdin=is_in_stdin)
        click.echo(
            f"{_set_password(name, password, reason)} has a new password; every session ended."
        )
        _tell_password(password, is_made_up=is_made_up)


@user.command()
@click.argument("name")
@_REASON
def deactivate(*, name: str, reason: str) -> None:
    """Switch the account NAME off: nobody can use it until it is reactivated."""
    _switch(name, reason, is_active=False)


@user.command()
@click.argument("name")
@_REASON
def reactivate(*, name: str, reason: str) -> None:
    """Switch the account NAME on again."""
    _switch(name, reason, is_active=True)


@user.command()
@click.argument("name")
@_REASON
def confirm(*, name: str, reason: str) -> None:
    """Vouch for the e-mail address of NAME, who waits to confirm it: the plan begins."""
    with _opened() as (session, now):
        from sketchmaker import membership
        from sketchmaker.accounts import directory
        from sketchmaker.commands.acting import operator

        found = directory.get_by_login(session, name)
        membership.vouch_for_address(
            session, user_id=found.id, now=now, by=operator(), reason=reason
        )
    _note("address vouched for", user=found.id)
    click.echo(f"The address of {found.username} is confirmed.")


def _switch(name: str, reason: str, *, is_active: bool) -> None:
    with _opened() as (session, now):
        from sketchmaker.accounts import administration, directory
        from sketchmaker.commands.acting import operator

        found = directory.get_by_login(session, name)
        administration.set_active(
            session,
            user_id=found.id,
            is_active=is_active,
            now=now,
            by=operator(),
            reason=reason,
        )
    done = "reactivated" if is_active else "deactivated"
    _note(done, user=found.id)
    click.echo(f"{found.username} is {done}.")


def _set_password(name: str, password: str, reason: str) -> str:
    from sketchmaker.accounts import directory, passwords, reset_links
    from sketchmaker.accounts.errors import UnacceptablePassword
    from sketchmaker.commands.acting import operator

    with _opened() as (session, _now):
        found = directory.get_by_login(session, name)
    if problem := passwords.check_strength(password, username=found.username, email=found.email):
        raise UnacceptablePassword(problem)
    new_hash = passwords.hash_password(password)
    with _opened() as (session, now):
        reset_links.set_password(
            session,
            user_id=found.id,
            new_hash=new_hash,
            now=now,
            by=operator(),
            reason=reason,
        )
    _note("password reset", user=found.id)
    return found.username


def _print_link(name: str, reason: str) -> None:
    from sketchmaker import settings
    from sketchmaker.accounts import directory, reset_links
    from sketchmaker.commands.acting import operator
    from sketchmaker.randomness import token

    configured, secret = settings.load(), token()
    with _opened() as (session, now):
        found = directory.get_by_login(session, name)
        expires_at = reset_links.issue(
            session,
            user_id=found.id,
            token=secret,
            now=now,
            by=operator(),
            reason=reason,
        )
    _note("reset link made", user=found.id)
    site = configured.public_url or f"http://{configured.host}:{configured.port}"
    click.echo(f"{site}/reset-password/{secret}")
    click.echo(f"It works once, until {expires_at:%Y-%m-%d %H:%M} UTC, for {found.username}.")


def _password(*, is_asked_for: bool, is_in_stdin: bool) -> tuple[str, bool]:
    """The password, and whether it was made up here."""
    from sketchmaker import randomness

    if is_in_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if is_asked_for:
        return click.prompt("New password", hide_input=True, confirmation_prompt=True), False
    return randomness.password(), True


def _tell_password(password: str, *, is_made_up: bool) -> None:
    if is_made_up:
        click.secho(f"Password: {password}", bold=True)
        click.echo("Keep it: it is shown this once and stored nowhere.")


@contextmanager
def _opened() -> Iterator[tuple[Session, datetime]]:
    """A transaction on the operator's database, and the time; known failures told in one line."""
    from sketchmaker.clock import SystemClock
    from sketchmaker.commands.opened import opened_database

    with told_in_one_line(), opened_database() as database, database.transaction() as session:
        yield session, SystemClock().now()


def _note(name: str, **facts: str | int) -> None:
    from sketchmaker import logs, settings

    logs.configure(settings.load(), console=False)
    logs.security(name, level="info", through="command", **facts)
