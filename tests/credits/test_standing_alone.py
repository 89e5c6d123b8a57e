"""The engine in a program with accounts of its own, which it knows by number alone."""

from tests.test_documented_examples import run

ALONE = """
from datetime import UTC, datetime
from sketchmaker.credits import books
from sketchmaker.credits.desk import CreditDesk
from sketchmaker.credits.managing import subscriptions
from sketchmaker.credits.rows import plans
from sketchmaker.credits.rules.errors import NoActiveSubscription
from sketchmaker.database import Base, Database
from sketchmaker.record.actor import Actor, Through

eve = Actor(8, "eve", "admin", Through.CONSOLE)
now = datetime(2026, 1, 31, 12, tzinfo=UTC)
database = Database(f"sqlite:///{FOLDER}/alone.db")
Base.metadata.create_all(database.engine)
print(*[name for name in ("users", "user_subscriptions") if name in Base.metadata.tables])
with database.transaction() as session:
    plans.ensure_default_plans(session, now=now, by=eve, reason="Hello.")
    subscriptions.start(session, user_id=7, now=now, by=eve, reason="Hello.")
desk = CreditDesk(database)
desk.grant(user_id=7, credits=5, kind="admin", reason="Welcome.", now=now, by=eve)
print(desk.charge(user_id=7, credits=12, action="images", now=now, key="one").available)
for replayed in (False, True):
    try:
        desk.charge(user_id=9, credits=1, action="images", now=now, key="two")
    except NoActiveSubscription as refusal:
        print(refusal.replayed)
with database.reading() as session:
    print(len(list(books.verify(session, now=now))))
database.close()
"""


def test_accounts_are_numbers_and_no_table(tmp_path: object) -> None:
    assert run(f"FOLDER = {str(tmp_path)!r}\n{ALONE}") == [
        "user_subscriptions",
        "3",
        "False",
        "True",
        "0",
    ]
