"""The audit trail in the console: read, narrowed, paged and taken along."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sketchmaker.bootstrap import System
from sketchmaker.record import trail
from sketchmaker.record.actor import Actor, Subject
from tests.support.web_system import enrolled
from tests.web.accounts.browser import Browser

VERIFIER = Path(__file__).resolve().parents[2] / "docs" / "verify_audit.py"


def write_down(system: System, action: str, number: int) -> None:
    with system.database.transaction() as session:
        trail.record(
            session,
            Actor.operator("root"),
            action,
            Subject("thing", number, f"thing {number}"),
            before={"size": 1},
            after={"size": number},
            reason=f"Reason {number}.",
            now=system.clock.now(),
        )


def test_entries_are_narrowed_by_what_was_done(system: System, admin: Browser) -> None:
    write_down(system, "thing painted", 2)
    write_down(system, "thing sold", 3)
    page = admin.get("/admin/audit/?action=thing+painted").text
    assert "Reason 2." in page
    assert "Reason 3." not in page
    assert "<s>1</s> <strong>2</strong>" in page


@pytest.mark.parametrize("query", ["through=window", "since=soon", "about=x", "until=9999-12-31"])
def test_a_filter_that_can_not_be_used_is_named_and_ignored(
    system: System, admin: Browser, query: str
) -> None:
    write_down(system, "thing painted", 2)
    answer = admin.get(f"/admin/audit/?{query}")
    assert answer.status_code == 200
    assert "Ignored" in answer.text
    assert "Reason 2." in answer.text


def test_the_trail_is_paged_without_gap_or_repetition(system: System, admin: Browser) -> None:
    for number in range(120):
        write_down(system, "thing painted", number + 2)
    seen: list[str] = []
    url: str | None = "/admin/audit/?action=thing+painted"
    while url:
        page = admin.get(url).text
        seen += re.findall(r"Reason (\d+)\.", page)
        older = re.search(r'href="([^"]*before=[^"]*)"', page)
        url = older[1].replace("&amp;", "&") if older else None
    assert seen == [str(number + 2) for number in reversed(range(120))]


def test_an_export_is_proved_by_the_script_of_the_documentation(
    system: System, admin: Browser, tmp_path: Path
) -> None:
    for number in range(3):
        write_down(system, "thing painted", number)
    answer = admin.post("/admin/audit/export")
    assert "attachment" in answer.headers["Content-Disposition"]
    exported = answer.text
    answer.close()
    lines = [json.loads(line) for line in exported.splitlines()]
    assert [line["sequence"] for line in lines] == list(range(1, len(lines) + 1))

    copy = tmp_path / "audit.jsonl"
    copy.write_text(exported)
    proof = subprocess.run([sys.executable, VERIFIER, copy], capture_output=True, check=False)
    assert proof.returncode == 0, proof.stdout

    copy.write_text(exported.replace("thing painted", "thing stolen", 1))
    proof = subprocess.run([sys.executable, VERIFIER, copy], capture_output=True, check=False)
    assert proof.returncode != 0


def test_only_admins_read_it(system: System, ada: Browser) -> None:
    enrolled(system, "mara")
    assert ada.get("/admin/audit/").status_code == 403
    assert ada.post("/admin/audit/export").status_code == 403
