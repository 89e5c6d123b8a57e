"""The trail: entries are written with their change, sealed in order, and never changed."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.database import Database
from sketchmaker.record import sealing
from sketchmaker.record.actor import Actor, Subject, Through
from sketchmaker.record.audit_tables import ENTRIES
from sketchmaker.record.chain import Chain
from sketchmaker.record.errors import InvalidReason, ReasonMissing
from sketchmaker.record.trail import erase_person, record
from tests.record.conftest import ADA, GRACE, NOW, Writer


def problems(database: Database) -> list[str]:
    with database.reading() as session:
        return list(sealing.verify(session, Chain()))


def change(database: Database, work: Callable[[Session], object]) -> None:
    with database.transaction() as session:
        work(session)


def test_an_entry_says_who_did_what_to_whom_and_why(database: Database, write: Writer) -> None:
    write()
    with database.reading() as session:
        entry = session.execute(select(ENTRIES)).one()
    assert (entry.at, entry.action, entry.reason) == (NOW, "role_changed", "She helps now (0).")
    assert (entry.actor_id, entry.actor_name, entry.actor_role) == (1, "grace", "admin")
    assert (entry.through, entry.actor_address, entry.request_id) == (
        "console",
        "192.0.2.7",
        "req-1",
    )
    assert (entry.subject_kind, entry.subject_id, entry.subject_name, entry.owner_id) == (
        "user",
        42,
        "ada",
        42,
    )
    assert (entry.before, entry.after) == ({"role": "user", "number": 0}, {"role": "admin"})
    assert (entry.sequence, entry.hash, entry.previous_hash) == (None, None, None)


def test_an_entry_is_undone_with_its_change(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        write_and_fail(session)
    with database.reading() as session:
        assert session.execute(select(ENTRIES)).all() == []


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_is_owed_by_whoever_acts_on_others_things(database: Database, reason: str) -> None:
    person = Actor.person(42, "ada")
    for by in (GRACE, Actor.operator("root")):
        with pytest.raises(ReasonMissing), database.transaction() as session:
            noted(session, by, reason)
    for by in (person, Actor.program("setup")):
        with database.transaction() as session:
            noted(session, by, reason)


@pytest.mark.parametrize("reason", ["a\0b", "\ud800"])
def test_a_reason_that_no_database_can_keep_is_refused_by_name(
    database: Database, reason: str
) -> None:
    with pytest.raises(InvalidReason), database.transaction() as session:
        noted(session, GRACE, reason)


def test_sealed_entries_are_numbered_in_order_and_chained(
    database: Database, write: Writer
) -> None:
    write(3)
    assert sealing.seal_all(database) == 3
    write(2)
    assert sealing.seal_all(database) == 2
    assert sealing.seal_all(database) == 0
    with database.reading() as session:
        entries = list(sealing.sealed_entries(session))
    assert [entry["sequence"] for entry in entries] == [1, 2, 3, 4, 5]
    assert [entry["previous_hash"] for entry in entries] == [
        None,
        *(entry["hash"] for entry in entries[:-1]),
    ]
    assert problems(database) == []


def test_sealing_goes_on_when_more_waits_than_fits_into_one_transaction(
    database: Database, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing.seal, "__kwdefaults__", {"limit": 4})
    write(10)
    assert sealing.seal_all(database) == 10
    assert problems(database) == []


@pytest.mark.race
def test_two_who_seal_at_once_make_one_chain(database: Database, write: Writer) -> None:
    together = threading.Barrier(4)
    sealed: list[int] = []

    def seal() -> None:
        together.wait()
        sealed.append(sealing.seal_all(database))

    for _ in range(5):
        write(7)
        threads = [threading.Thread(target=seal) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(sealed) == 35
    assert problems(database) == []


@pytest.mark.parametrize(
    "column", ["action", "before", "at", "actor_id", "actor_digest", "actor_name", "reason"]
)
@pytest.mark.parametrize("state", ["sealed", "not sealed"])
def test_no_entry_can_be_changed(
    database: Database, write: Writer, column: str, state: str
) -> None:
    write()
    if state == "sealed":
        sealing.seal_all(database)
    other = {"before": {"role": "x"}, "at": NOW - timedelta(days=1), "actor_id": 7}
    changed = update(ENTRIES).values({column: other.get(column, "other")})
    with pytest.raises(IntegrityError, match="never changed"):
        change(database, lambda session: session.execute(changed))


@pytest.mark.parametrize("column", ["sequence", "hash", "previous_hash"])
def test_a_seal_can_be_neither_changed_nor_taken_off(
    database: Database, write: Writer, column: str
) -> None:
    write(2)
    sealing.seal_all(database)
    other = 77 if column == "sequence" else "0" * 64
    for value in (other, None):
        second = update(ENTRIES).where(ENTRIES.c.sequence == 2).values({column: value})
        with (
            pytest.raises(IntegrityError, match="never changed"),
            database.transaction() as session,
        ):
            session.execute(second)


def test_no_entry_can_be_removed(database: Database, write: Writer) -> None:
    write()
    for _ in range(2):
        with pytest.raises(IntegrityError, match="never removed"):
            change(database, lambda session: session.execute(delete(ENTRIES)))
        sealing.seal_all(database)
    assert problems(database) == []


def test_the_trail_cannot_be_emptied(postgres_database: Database) -> None:
    with pytest.raises(IntegrityError, match="never removed"):
        change(postgres_database, lambda session: session.execute(text("TRUNCATE audit_entries")))


def test_what_goes_around_the_triggers_is_found(database: Database, write: Writer) -> None:
    write(6)
    sealing.seal_all(database)
    with database.transaction() as session:
        drop_triggers(session)
        of = ENTRIES.c.sequence
        session.execute(update(ENTRIES).where(of == 2).values(action="nothing"))
        session.execute(update(ENTRIES).where(of == 3).values(reason="Because."))
        session.execute(update(ENTRIES).where(of == 4).values(actor_salt=None))
        session.execute(delete(ENTRIES).where(of == 5))
    assert problems(database) == [
        "Number 2 was changed.",
        "Number 3 was changed: subject_name or reason.",
        "Number 4 was changed: actor_name or actor_address.",
        "Number 5 is missing: number 6 comes in its place.",
    ]


def test_who_makes_a_new_chain_over_changed_entries_needs_a_new_hash_for_each(
    database: Database, write: Writer
) -> None:
    write(3)
    sealing.seal_all(database)
    with database.transaction() as session:
        drop_triggers(session)
        row = session.execute(select(ENTRIES).where(ENTRIES.c.sequence == 2)).mappings().one()
        forged = {**dict(row), "id": 99, "sequence": None, "hash": None, "action": "nothing"}
        session.execute(delete(ENTRIES).where(ENTRIES.c.sequence > 1))
        session.execute(insert(ENTRIES).values(**forged))
    sealing.seal_all(database)
    assert problems(database) == []  # the whole end was replaced: only a copy elsewhere tells


def test_who_leaves_is_erased_and_the_chain_still_holds(database: Database, write: Writer) -> None:
    ada = Actor(42, "ada", "self", Through.PAGE, "198.51.100.3", "req-2")
    write(2)
    write(1, by=ada)
    write(1, subject=Subject.user(7, "bob"))
    write(1, by=Actor(42, "ada", "admin", Through.CONSOLE), subject=Subject.user(7, "bob"))
    sealing.seal_all(database)
    write(1, by=ada)
    change(database, lambda session: erase_person(session, user_id=42))
    sealing.seal_all(database)
    with database.reading() as session:
        rows = session.execute(select(ENTRIES).order_by(ENTRIES.c.id)).all()
    assert [(row.actor_name, row.subject_name, row.reason) for row in rows] == [
        ("grace", None, None),
        ("grace", None, None),
        (None, None, None),
        ("grace", "bob", "She helps now (0)."),
        ("ada", "bob", "She helps now (0)."),
        (None, None, None),
    ]
    assert rows[2].actor_address is None
    assert rows[0].after == {"role": "admin"}
    assert problems(database) == []


def test_entries_that_nobody_seals_are_counted(database: Database, write: Writer) -> None:
    write(3)
    with database.reading() as session:
        assert sealing.count_unsealed(session, since=NOW + timedelta(minutes=2)) == 2


def noted(session: Session, by: Actor, reason: str) -> None:
    record(session, by, "x", ADA, before=None, after=None, reason=reason, now=NOW)


def write_and_fail(session: Session) -> None:
    noted(session, GRACE, "Why.")
    raise ZeroDivisionError


def drop_triggers(session: Session) -> None:
    if session.get_bind().dialect.name == "sqlite":
        for name in ("audit_entries_are_kept", "audit_entries_stay"):
            session.execute(text(f"DROP TRIGGER {name}"))
    else:
        session.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER USER"))
