"""Who left under an earlier version gets a name that no form accepts, and nobody else a new one."""

from alembic.script import ScriptDirectory
from sqlalchemy import text

from sketchmaker import schema
from sketchmaker.accounts.tables import User
from sketchmaker.clock import ManualClock
from sketchmaker.database import Database
from tests.support.people import add_user


def test_names_of_the_departed_are_changed_and_a_squatters_is_not(
    database: Database, clock: ManualClock
) -> None:
    script = ScriptDirectory.from_config(schema.alembic_config())
    names = {}
    with database.transaction() as session:
        departed, squatter = (add_user(session, now=clock.now()) for _ in range(2))
        departed.is_active = False
        departed.username = departed.username_key = f"deleted-{departed.id}"
        squatter.username = squatter.username_key = "deleted-331"
        session.flush()
        session.execute(text(script.get_revision("0009").module.RENAME))
        for user in (departed, squatter):
            session.expire(user)
            names[user.id] = session.get_one(User, user.id).username
    assert names == {departed.id: f"deleted {departed.id}", squatter.id: "deleted-331"}
