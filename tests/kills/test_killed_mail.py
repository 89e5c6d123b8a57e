"""kill -9 of a process that delivers: what it had not said is delivered is delivered again."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from sketchmaker.accounts.letters import DELIVERER, ask_for_password_link
from sketchmaker.database import Database
from sketchmaker.delivery.mail import Mailer
from sketchmaker.record.outbox_tables import OutboxRow
from tests.kills.roles import ShiftedClock
from tests.support import programs
from tests.support.smtp_server import mail_settings, post_office
from tests.support.web_system import composed, enrolled

pytestmark = pytest.mark.slow


def row(database: Database) -> OutboxRow:
    with database.reading() as session:
        return session.scalars(select(OutboxRow)).one()


def test_a_letter_whose_sender_was_killed_is_sent_again_when_its_lease_has_passed(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    with post_office() as office:
        later = ShiftedClock(Mailer.lease.total_seconds())
        system = composed(database_url, tmp_path, mail=mail_settings(office))
        after = composed(database_url, tmp_path, later, mail=mail_settings(office))
        enrolled(system, "ada")
        with system.database.transaction() as session:
            asked = {"email": "ada@example.org", "address": "192.0.2.1"}
            now = system.clock.now()
            ask_for_password_link(session, **asked, now=now, limits=system.limits)

        arguments = [database_url, str(office.port), str(tmp_path)]
        killed = subprocess.run(
            [sys.executable, "-m", "tests.kills.dying_mail", *arguments],
            cwd=programs.REPOSITORY,
            env=programs.environment(tmp_path),
            timeout=120,
            check=False,
        )
        assert killed.returncode == -signal.SIGKILL
        assert (len(office.messages), row(database).state) == (1, "waiting")

        assert not system.deliveries.deliver_next(DELIVERER)
        assert after.deliveries.deliver_next(DELIVERER)
        assert (len(office.messages), row(database).state) == (2, "delivered")
        first, second = (message["Message-ID"] for message in office.messages)
        assert first.partition(".")[0] == second.partition(".")[0] == f"<{row(database).event_id}"
        system.database.close()
        after.database.close()
