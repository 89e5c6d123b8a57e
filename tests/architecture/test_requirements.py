"""Requirements: pinned, hashed, the same for both files, and bound to no place."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = ["requirements.txt", "requirements-dev.txt"]

PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)


@pytest.mark.parametrize("file", FILES)
def test_no_registry_and_no_path_of_anybodys_machine_is_named(file: str) -> None:
    text = (REPOSITORY / file).read_text()
    assert not re.search(r"https?:|--(?:extra-)?index-url|--find-links|file:|^\s*/", text)
    assert not re.search(r"/(?:home|root|work|tmp)/", text)


@pytest.mark.parametrize("file", FILES)
def test_everything_is_pinned_and_hashed(file: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (REPOSITORY / file).read_text())[1:]
    assert len(entries) > 30
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


def test_what_is_tested_is_what_is_run() -> None:
    run, tested = (dict(PIN.findall((REPOSITORY / file).read_text())) for file in FILES)
    assert run.items() <= tested.items()


@pytest.mark.parametrize("file", FILES)
def test_every_name_asked_for_is_pinned(file: str) -> None:
    pinned = dict(PIN.findall((REPOSITORY / file).read_text()))
    asked = (REPOSITORY / file.replace(".txt", ".in")).read_text()
    names = re.findall(r"^([A-Za-z0-9][A-Za-z0-9-]*)", asked, re.MULTILINE)
    assert {found for found in names if found.lower() not in pinned} == set()
