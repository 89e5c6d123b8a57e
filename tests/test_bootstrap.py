"""The composed product, as an edge starts it."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from sketchmaker.accounts import sessions
from sketchmaker.accounts.tables import SignInSession
from sketchmaker.clock import ManualClock
from sketchmaker.limits.rules import Action
from sketchmaker.limits.tables import LimitUse
from sketchmaker.limits.uses import Who
from tests.support.web_system import composed, enrolled


def test_a_running_product_forgets_old_uses_of_limits_and_ended_sessions(
    database_url: str, clock: ManualClock, tmp_path: Path
) -> None:
    system = composed(database_url, tmp_path, clock)
    ada = enrolled(system, "ada")
    with system.database.transaction() as session:
        system.limits.take(session, Action.GENERATE, Who(account="ada"), now=clock.now())
        sessions.start(
            session, user_id=ada.id, token="t", address="", user_agent="", now=clock.now()
        )
    clock.advance(2 * sessions.IDLE_LIFE + timedelta(seconds=1))
    # It keeps house once as soon as it runs, and ends only when that is done.
    system.scheduler.start()
    system.scheduler.shutdown()
    with system.database.reading() as session:
        assert session.scalar(select(func.count(LimitUse.id))) == 0
        assert session.scalar(select(func.count(SignInSession.id))) == 0
    system.shutdown()
