"""The trail is proved online and, from an exported file, offline; what was done to it shows."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text, update

from sketchmaker.commands import sketchmaker
from sketchmaker.database import Database
from sketchmaker.record import trail
from sketchmaker.record.audit_tables import ENTRIES
from tests.record.conftest import ADA, GRACE, NOW

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "verify_audit.py"

Entries = list[dict[str, Any]]


@pytest.fixture
def run(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str]]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SKETCHMAKER_DATA", str(tmp_path))
    with database.transaction() as session:
        for number in range(5):
            trail.record(
                session,
                GRACE,
                "role_changed",
                ADA,
                before={"role": "user"},
                after={"role": "admin", "ö": number},
                reason="Für die Schicht.",
                now=NOW,
            )

    def run_it(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(sketchmaker, ["audit", *words])
        return result.exit_code, result.output

    return run_it


@pytest.fixture
def exported(run: Callable[..., tuple[int, str]], tmp_path: Path) -> Path:
    file = tmp_path / "trail.jsonl"
    assert run("export", str(file))[0] == 0
    return file


def offline(file: Path, *anchor: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(file), *anchor],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


def rewritten(file: Path, change: Callable[[Entries], Entries]) -> Path:
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(entry) + "\n" for entry in change(entries)))
    return file


def with_words(entries: Entries, number: int, **words: object) -> Entries:
    return [entry | (words if entry["sequence"] == number else {}) for entry in entries]


def test_a_sound_trail_holds_online_and_offline(
    run: Callable[..., tuple[int, str]], exported: Path
) -> None:
    code, said = run("verify")
    assert (code, said[:27]) == (0, "The chain holds: 5 entries.")
    last = json.loads(exported.read_text().splitlines()[-1])["hash"]
    assert last in said
    assert offline(exported) == (0, f"The chain holds: 5 entries, the last hash is {last}")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: with_words(rows, 3, action="nothing"), "3 was changed"),
        (lambda rows: with_words(rows, 3, after={"role": "user"}), "3 was changed"),
        (lambda rows: with_words(rows, 3, reason="x"), "3 was changed: subject_name or reason"),
        (
            lambda rows: with_words(rows, 3, actor_salt=None),
            "3 was changed: actor_name or actor_address",
        ),
        (lambda rows: rows[:2] + rows[3:], "4 does not follow 2"),
        (lambda rows: [rows[1], rows[0], *rows[2:]], "2 does not follow 0"),
        (lambda rows: rows[1:], "2 does not follow 0"),
    ],
    ids=["action", "after", "reason", "salt", "removed", "reordered", "beginning"],
)
def test_an_exported_file_that_was_tampered_with_does_not_hold(
    exported: Path, change: Callable[[Entries], Entries], told: str
) -> None:
    code, said = offline(rewritten(exported, change))
    assert code == 1
    assert said.splitlines()[0] == told


def test_a_cut_end_shows_only_against_a_number_and_hash_kept_elsewhere(exported: Path) -> None:
    last = json.loads(exported.read_text().splitlines()[-1])["hash"]
    assert offline(exported, "5", last)[0] == 0
    rewritten(exported, lambda rows: rows[:-1])
    assert offline(exported)[0] == 0
    assert offline(exported, "5", last) == (
        1,
        "5 is missing, or is not what it was when its hash was noted",
    )


def test_erased_words_leave_the_file_sound(
    run: Callable[..., tuple[int, str]], database: Database, tmp_path: Path
) -> None:
    with database.transaction() as session:
        trail.erase_person(session, user_id=42)
    file = tmp_path / "erased.jsonl"
    run("export", str(file))
    assert "Schicht" not in file.read_text()
    assert '"ada"' not in file.read_text()
    assert offline(file)[0] == 0


def test_what_was_changed_in_the_database_is_told(
    run: Callable[..., tuple[int, str]], exported: Path, database: Database
) -> None:
    with database.transaction() as session:
        if database.dialect == "sqlite":
            session.execute(text("DROP TRIGGER audit_entries_are_kept"))
        else:
            session.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER USER"))
        session.execute(update(ENTRIES).where(ENTRIES.c.sequence == 2).values(actor_id=7))
    code, said = run("verify")
    assert code == 1
    assert said.splitlines() == [
        "Number 2 was changed.",
        "Wrong: 1. docs/audit.md says what it means.",
    ]


def test_entries_that_nobody_seals_are_told(run: Callable[..., tuple[int, str]]) -> None:
    code, said = run("verify")
    assert code == 0
    assert said.splitlines()[0].startswith("5 entries wait to be sealed for over a minute")


def test_the_script_is_as_short_as_the_documents_say() -> None:
    lines = [line for line in SCRIPT.read_text().splitlines() if line.strip()]
    assert len(lines) <= 32
