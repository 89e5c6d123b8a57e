"""The log: one line an event, in `app.log` as on the console, safe from what people type."""

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sketchmaker import logs
from sketchmaker.settings import Settings
from tests.support.programs import REPOSITORY


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    level = logging.getLogger().level
    logs.configure(settings_in(tmp_path))
    yield tmp_path / "app.log"
    logs.stop()
    logs.unbind_all()
    logging.getLogger().setLevel(level)


def settings_in(folder: Path) -> Settings:
    return Settings(database_url="sqlite://", data_folder=folder, secret_key="k" * 32)


def test_an_event_is_one_line_with_time_level_logger_and_facts(log_file: Path) -> None:
    logs.event("image drawn", user=3, size="wide one", seed=None)
    [line] = log_file.read_text().splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT[\d:.]+Z info    sketchmaker\.events image drawn "
        r'user=3 size="wide one"',
        line,
    )


def test_what_is_bound_goes_with_every_later_line_until_it_is_unbound(log_file: Path) -> None:
    logs.bind(request="ab12", user=3)
    logs.event("image drawn", generation=7)
    logging.getLogger("sketchmaker.database").warning("slow")
    logs.unbind_all()
    logs.event("image drawn", generation=8)
    first, second, third = log_file.read_text().splitlines()
    assert first.endswith("image drawn generation=7 request=ab12 user=3")
    assert second.endswith("slow request=ab12 user=3")
    assert third.endswith("image drawn generation=8")


def test_the_standard_library_writes_the_same_way(log_file: Path) -> None:
    logging.getLogger("sketchmaker.credits").warning("hold %d expired", 7)
    assert log_file.read_text().endswith("Z warning sketchmaker.credits hold 7 expired\n")


def test_the_scheduler_is_found_by_the_words_of_the_guide(log_file: Path) -> None:
    logging.getLogger("sketchmaker.scheduling.reset_runner").info("credit_reset_42 done")
    [line] = log_file.read_text().splitlines()
    assert "scheduler" in line and "credit_reset" in line


def test_the_console_says_the_same(log_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(settings_in(log_file.parent))  # now that stderr is captured
    logging.getLogger("sketchmaker").error("something to see")
    assert "something to see" in capsys.readouterr().err


def test_nobody_can_forge_a_line(log_file: Path) -> None:
    logging.getLogger("x").info("prompt: a\r\n2026-01-01T00:00:00Z info forged\u2028and more")
    logs.event("prompt", text="a\nb\x1b[31m\u202eabc")
    lines = log_file.read_text().split("\n")
    assert len(lines) == 3 and "\r" not in lines[0]
    assert lines[1].endswith(r'prompt text="a\nb\u001b[31m\u202eabc"')


def test_nobody_can_forge_a_fact(log_file: Path) -> None:
    logs.event("sign-in failed", address='9.9.9.9" user=1 note="sign-in')
    assert log_file.read_text().endswith(r'address="9.9.9.9\" user=1 note=\"sign-in"' + "\n")


def test_a_traceback_follows_its_event_and_can_not_pass_for_one(log_file: Path) -> None:
    try:
        raise ValueError("bad\n2026-01-01T00:00:00Z info forged")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    first, *rest = log_file.read_text().splitlines()
    assert first.endswith("x it failed") and any("forged" in line for line in rest)
    assert all(line.startswith("    | ") for line in rest)


def test_secrets_are_not_written(log_file: Path) -> None:
    logs.event("signed in", password="hunter2", api_key="hunter2")
    assert "hunter2" not in log_file.read_text()


def test_the_log_is_for_its_owner_only(log_file: Path) -> None:
    logging.getLogger("x").info("hello")
    assert log_file.stat().st_mode & 0o777 == 0o600


def test_configuring_twice_writes_once(log_file: Path) -> None:
    logs.configure(settings_in(log_file.parent))
    logging.getLogger("x").info("hello")
    assert len(log_file.read_text().splitlines()) == 1


def test_a_setting_without_effect_is_pointed_out(tmp_path: Path, log_file: Path) -> None:
    logs.configure(
        Settings(
            database_url="sqlite://",
            data_folder=tmp_path,
            secret_key="k" * 32,
            unknown_names=("SKETCHMAKER_PROT",),
        )
    )
    assert "SKETCHMAKER_PROT" in log_file.read_text()


WRITER = """
import logging, sys, pathlib
from sketchmaker import logs
from sketchmaker.settings import Settings
logs.files.LOG_BYTES = 20_000
logs.configure(Settings(database_url="sqlite://", data_folder=pathlib.Path(sys.argv[1]),
                        secret_key="k" * 32))
for number in range(500):
    logging.getLogger("sketchmaker").info("line %s %d end", sys.argv[2], number)
"""


@pytest.mark.race
def test_processes_that_write_and_rotate_together_lose_no_line(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, tmp_path, name],
            cwd=REPOSITORY,
            stderr=subprocess.DEVNULL,
        )
        for name in ("a", "b")
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    files = list(tmp_path.glob("app.log*"))
    written = [line for file in files for line in file.read_text().splitlines()]
    assert len(files) > 2
    assert all(line.endswith(" end") for line in written)
    assert len(written) == 1000


def test_what_an_error_quotes_is_cut(log_file: Path) -> None:
    logs.event("refused", reason="x" * 100_000)
    try:
        raise ValueError("y" * 100_000)
    except ValueError:
        logging.getLogger("sketchmaker").exception("it failed")
    assert log_file.stat().st_size < 5_000
