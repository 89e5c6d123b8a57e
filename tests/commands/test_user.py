"""`python -m sketchmaker user`: accounts from the shell, told in one line when it can't be done."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from sketchmaker import logs, membership
from sketchmaker.accounts import directory, passwords, registration, reset_links
from sketchmaker.accounts.errors import ResetLinkInvalid
from sketchmaker.accounts.roles import Role
from sketchmaker.accounts.tables import User
from sketchmaker.clock import SystemClock
from sketchmaker.commands import sketchmaker
from sketchmaker.credits.rows import state
from sketchmaker.record.actor import Actor
from sketchmaker.record.audit_tables import ENTRIES
from tests.support.actors import SOMEBODY
from tests.support.web_system import composed, enrolled

Shell = Callable[..., Result]


@pytest.fixture
def shell(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """Runs `user` commands on an installation with grace, its superadmin, and ada."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SKETCHMAKER_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    system = composed(database_url, tmp_path)
    enrolled(system, "grace", role=Role.SUPERADMIN)
    enrolled(system, "ada")

    def run(*arguments: str, input: str | None = None) -> Result:  # noqa: A002 - click's own word
        why = [] if arguments[0] == "list" else ["--reason", "They asked."]
        return CliRunner().invoke(sketchmaker, ["user", *arguments, *why], input=input)

    run.system = system  # type: ignore[attr-defined]
    yield run
    logs.stop()
    system.database.close()


def found(shell: Shell, name: str) -> User:
    with shell.system.database.reading() as session:  # type: ignore[attr-defined]
        return directory.get_by_login(session, name)


def test_everybody_is_listed(shell: Shell) -> None:
    told = shell("list")
    assert told.exit_code == 0
    assert "ada@example.org" in told.output and "superadmin" in told.output


def test_a_made_up_password_is_shown_once_and_opens_the_account(shell: Shell) -> None:
    told = shell("reset-password", "ada")
    assert told.exit_code == 0, told.output
    password = told.output.split("Password: ")[1].split()[0]
    assert passwords.verify_password(found(shell, "ada").password_hash, password)


def test_a_password_is_read_from_stdin(shell: Shell) -> None:
    told = shell("reset-password", "ada@example.org", "--stdin", input="two herons at the weir\n")
    assert told.exit_code == 0
    assert "two herons" not in told.output
    assert passwords.verify_password(found(shell, "ada").password_hash, "two herons at the weir")


def test_a_link_is_printed_and_works_once(shell: Shell) -> None:
    told = shell("reset-password", "ada", "--link")
    secret = told.output.splitlines()[0].rpartition("/")[2]
    now = SystemClock().now()
    database = shell.system.database  # type: ignore[attr-defined]
    with database.transaction() as session:
        assert (
            reset_links.use(session, secret, new_hash="x", now=now, by=SOMEBODY, reason="A test.")
            == found(shell, "ada").id
        )
    with pytest.raises(ResetLinkInvalid), database.transaction() as session:
        reset_links.use(session, secret, new_hash="y", now=now, by=SOMEBODY, reason="A test.")


def test_an_account_is_made_with_a_role(shell: Shell) -> None:
    assert shell("create", "mary", "mary@example.org", "--role", "admin").exit_code == 0
    assert found(shell, "mary").role == Role.ADMIN


def test_roles_change_and_accounts_are_switched_off_and_on(shell: Shell) -> None:
    assert shell("role", "ada", "superadmin").exit_code == 0
    assert shell("deactivate", "grace").exit_code == 0
    assert not found(shell, "grace").is_active
    assert shell("reactivate", "grace").exit_code == 0
    assert found(shell, "grace").is_active


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["deactivate", "grace"], "only active superadmin"),
        (["role", "grace", "user"], "only active superadmin"),
        (["role", "ada", "user"], "ada is user already"),
        (["reset-password", "nobody"], "There is no user “nobody”."),
        (["create", "ada", "other@example.org"], "is taken"),
        (["create", "a b", "other@example.org"], "A username is made of"),
    ],
)
def test_what_can_not_be_done_is_one_line_and_exit_code_2(
    shell: Shell, arguments: list[str], told: str
) -> None:
    result = shell(*arguments)
    assert result.exit_code == 2
    assert told in result.output
    assert "Traceback" not in result.output


def test_nothing_is_done_without_a_reason(shell: Shell) -> None:
    result = CliRunner().invoke(sketchmaker, ["user", "deactivate", "ada"])
    assert result.exit_code == 2
    assert "--reason" in result.output
    blank = CliRunner().invoke(sketchmaker, ["user", "deactivate", "ada", "--reason", " "])
    assert (blank.exit_code, "Say why" in blank.output) == (2, True)
    assert found(shell, "ada").is_active


def test_the_audit_trail_says_which_operator_did_what_and_why(shell: Shell) -> None:
    shell("role", "ada", "admin")
    shell("reset-password", "ada", "--stdin", input="two herons at the weir\n")
    told = shell("reset-password", "ada", "--link")
    secret = told.output.splitlines()[0].rpartition("/")[2]
    with shell.system.database.reading() as session:  # type: ignore[attr-defined]
        rows = session.execute(select(ENTRIES).order_by(ENTRIES.c.id)).mappings().all()
    entries = [row for row in rows if row["actor_role"] == "operator"]
    assert [(row["action"], row["subject_name"], row["reason"]) for row in entries] == [
        ("role_changed", "ada", "They asked."),
        ("password_set", "ada", "They asked."),
        ("password_link_made", "ada", "They asked."),
    ]
    assert (entries[0]["before"], entries[0]["after"]) == ({"role": "user"}, {"role": "admin"})
    assert {row["through"] for row in entries} == {"command"}
    assert all(secret not in str(dict(row)) and "herons" not in str(dict(row)) for row in rows)


def test_an_operator_vouches_for_an_address_that_could_not_be_confirmed(shell: Shell) -> None:
    system = shell.system  # type: ignore[attr-defined]
    prepared = registration.prepare(
        username="eve", email="eve@example.org", password="a-long-enough-pass"
    )
    with system.database.transaction() as session:
        membership.enrol_unconfirmed(
            session,
            prepared,
            now=SystemClock().now(),
            limits=system.limits,
            by=Actor.program("test"),
            reason="",
        )
    assert "is confirmed" in shell("confirm", "eve").output
    assert found(shell, "eve").email_unconfirmed_since is None
    with system.database.reading() as session:
        assert state.of_user(session, found(shell, "eve").id, lock=False) is not None
        last = session.scalars(
            select(ENTRIES.c.reason).where(ENTRIES.c.action == "address_confirmed")
        )
        assert last.all() == ["They asked."]
    again = shell("confirm", "eve")
    assert (again.exit_code, "nothing to confirm" in again.output) == (2, True)
