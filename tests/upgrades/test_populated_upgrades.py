"""A database in use comes from every earlier schema to the newest with nothing lost.

A new migration is tested by being there: each revision starts with the newest data frozen at or
before it. `python -m tests.upgrades` freezes the data of a new one.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import inspect
from werkzeug.routing import Rule

from sketchmaker import bootstrap, schema
from sketchmaker.accounts.roles import Role
from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits.rows import idempotency
from sketchmaker.credits.rows.idempotency import Request
from sketchmaker.credits.rules.errors import InsufficientCredits
from sketchmaker.credits.spending import charges
from sketchmaker.credits.tables import SUBSCRIPTIONS
from sketchmaker.credits.tables.side import KEYS
from sketchmaker.database import Database
from sketchmaker.database.exclusive import exclusive_transaction
from tests.support.databases import Databases
from tests.support.people import assert_books_close
from tests.support.web_system import PASSWORD, composed, enrolled
from tests.upgrades import frozen, past
from tests.web.accounts.browser import Browser

STEPS = ScriptDirectory.from_config(schema.alembic_config())
REVISIONS = [step.revision for step in STEPS.walk_revisions()][::-1]

CHANGED_ON_PURPOSE: dict[str, set[str]] = {"0014": {"subscription_plans.features"}}
"""What a migration changes in rows that were there, by revision: `{"0009": {"users.email"}}`."""

WITHOUT_ROWS: set[str] = set()
"""Tables that a database in use may well have no row in."""


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Database]:
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path}/old.db")
        yield database
        database.close()
        return
    with databases.empty_postgres() as url:
        database = Database(url)
        yield database
        database.close()


def data_of(revision: str) -> str:
    """The newest revision, at or before this one, whose data were frozen."""
    earlier = REVISIONS[: REVISIONS.index(revision) + 1]
    return max(set(earlier) & set(frozen.revisions_with_data()), key=REVISIONS.index)


def migrate(database: Database, revision: str) -> None:
    with exclusive_transaction(database) as connection:
        command.upgrade(schema.alembic_config(connection), revision)


def populated_at(database: Database, revision: str) -> frozen.Rows:
    """Bring an empty database to a revision, with data from that time; the rows it then has."""
    migrate(database, data_of(revision))
    frozen.fill(database, frozen.load(data_of(revision)))
    migrate(database, revision)
    return frozen.rows_of(database)


def assert_ledger_adds_up(rows: frozen.Rows) -> None:
    """What books have been since the first version: no code of later versions is needed to see."""
    for subscription in rows["user_subscriptions"]:
        deltas = [
            row["credits_delta"]
            for row in rows["usage_history"]
            if row["subscription_id"] == subscription["id"]
        ]
        total = subscription["credits_remaining"] + subscription["credits_held"]
        assert total == sum(deltas), subscription


def kept(rows: frozen.Rows, like: frozen.Rows, revision: str) -> frozen.Rows:
    """The tables and columns that both have, less what later migrations change on purpose.

    In no particular order: a migration may change a primary key.
    """
    later = REVISIONS[REVISIONS.index(revision) + 1 :]
    changed = set().union(*(CHANGED_ON_PURPOSE.get(step, set()) for step in later))
    return {
        table: sorted(
            (
                {
                    column: value
                    for column, value in row.items()
                    if column in like[table][0] and f"{table}.{column}" not in changed
                }
                for row in rows[table]
            ),
            key=str,
        )
        for table in like
        if table in rows and like[table]
    }


def pages(app: Flask, prefix: str) -> list[str]:
    """Every page that a plain address opens."""
    with app.test_request_context():
        return [
            rule.rule
            for rule in app.url_map.iter_rules()
            if _is_page(rule) and rule.rule.startswith(prefix)
        ]


def _is_page(rule: Rule) -> bool:
    return "GET" in (rule.methods or ()) and not rule.arguments and "out" not in rule.endpoint


@pytest.fixture
def upgraded(empty_database: Database, tmp_path: Path) -> Iterator[System]:
    """The first version's data, brought to this version, with the product started over them."""
    populated_at(empty_database, REVISIONS[0])
    schema.upgrade(empty_database)
    url = empty_database.engine.url.render_as_string(hide_password=False)
    system = composed(url, tmp_path / "data", ManualClock(past.NOW))
    yield system
    system.database.close()


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_upgrade_loses_nothing_and_the_books_close(
    empty_database: Database, revision: str
) -> None:
    before = populated_at(empty_database, revision)
    assert_ledger_adds_up(before)

    schema.upgrade(empty_database)

    after = frozen.rows_of(empty_database)
    assert kept(after, before, revision) == kept(before, after, revision)
    assert_ledger_adds_up(after)
    assert_books_close(empty_database)


@pytest.mark.parametrize(
    ("name", "prefix"), [(past.PERSON, "/"), (past.ADMIN, "/admin/")], ids=["person", "admin"]
)
def test_every_page_opens_after_the_upgrade(upgraded: System, name: str, prefix: str) -> None:
    app = bootstrap.create_app(upgraded)
    browser = Browser(app)
    assert browser.sign_in(name, PASSWORD).status_code == 302

    found = {page: browser.get(page).status_code for page in pages(app, prefix)}

    assert {"/": "/studio", "/admin/": "/admin/subscriptions/"}[prefix] in found
    assert {page: status for page, status in found.items() if status >= 500} == {}
    opened = [page for page, status in found.items() if status in {200, 302, 308}]
    assert len(opened) > len(found) / 2


def test_life_goes_on_after_the_upgrade(upgraded: System) -> None:
    now = past.NOW
    newcomer = enrolled(upgraded, "newcomer", role=Role.USER)
    with upgraded.database.reading() as session:
        everyone = session.scalars(SUBSCRIPTIONS.select().with_only_columns(SUBSCRIPTIONS.c.id))
        assert len(everyone.all()) == len(frozen.load(REVISIONS[0])["user_subscriptions"]) + 1
    with upgraded.database.transaction() as session:
        charges.charge(session, user_id=newcomer.id, credits=3, action="images", now=now)
        charges.charge(session, user_id=1, credits=3, action="images", now=now)

    assert_books_close(upgraded.database)


def test_the_first_revision_has_data() -> None:
    assert REVISIONS[0] in frozen.revisions_with_data()
    assert set(frozen.revisions_with_data()) <= set(REVISIONS)


def test_every_table_has_frozen_rows(database: Database) -> None:
    filled = {
        table
        for revision in frozen.revisions_with_data()
        for table, rows in frozen.load(revision).items()
        if rows
    }
    tables = set(inspect(database.engine).get_table_names()) - {"alembic_version"}
    lacking = sorted(tables - filled - WITHOUT_ROWS)
    assert lacking == [], "Give it rows in tests/upgrades/past.py, then: python -m tests.upgrades"


def test_what_would_be_frozen_today_is_sound(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    past.live_through(database_url, tmp_path)

    assert_books_close(database)
    empty = [table for table, rows in frozen.rows_of(database).items() if not rows]
    assert set(empty) <= WITHOUT_ROWS


def test_keys_keep_their_newest_answer_and_are_kept_as_long_as_it_says(
    empty_database: Database,
) -> None:
    rows = populated_at(empty_database, "0006")
    user_id, noon = rows["users"][0]["id"], past.NOW
    refusal = {"required": 2, "available": 1, "next_reset": noon, "plan_display_name": "Free"}
    old = [
        ("charge", "both", {"result": {"credits": 1}}, noon),
        ("hold", "both", {"result": {"id": 1}}, noon + past.HOUR),
        ("charge", "no", {"refusal": {**refusal, "next_reset": noon.isoformat()}}, noon),
    ]
    names = ("verb", "key", "answer", "created_at")
    more = [dict(zip(names, (*row[:3], row[3].isoformat()), strict=True)) for row in old]
    same = {"user_id": user_id, "fingerprint": "0"}
    frozen.fill(empty_database, {"idempotency_keys": [{**same, **row} for row in more]})

    schema.upgrade(empty_database)

    with empty_database.reading() as session:
        found = {
            row.key: (row.verb, row.kept_until)
            for row in session.execute(KEYS.select().where(KEYS.c.fingerprint == "0"))
        }
        request = Request(user_id, "charge", "no", {})
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Request, "fingerprint", "0")
            answer = idempotency.find(session, request, now=noon)
    assert found == {
        "both": ("hold", noon + past.HOUR + 14 * past.DAY),
        "no": ("charge", noon + past.DAY),
    }
    assert answer is not None
    assert isinstance(answer.refusal, InsufficientCredits)
