"""What the documents show runs as it is printed there, in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def example(document: str) -> str:
    found = re.search(
        r"```python\n(.*?)```", (REPOSITORY / "docs" / document).read_text(), re.DOTALL
    )
    assert found is not None
    return found.group(1)


def run(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_engine_works_by_itself_without_flask_and_scheduler() -> None:
    code = example("engine.md")
    unwanted = "import sys; print([n for n in ('flask', 'apscheduler') if n in sys.modules])"

    assert run(f"{code}\n{unwanted}") == ["5", "10", "[]"]


def test_the_example_of_the_engine_does_its_work_in_twenty_lines() -> None:
    work = example("engine.md").split("engine = create_engine")[1]

    assert len(work.strip().splitlines()) <= 20


def test_the_next_24_resets_can_be_printed() -> None:
    lines = run(example("time.md"))

    assert len(lines) == 24
    assert lines[:2] == ["2026-02-28T17:00:00+00:00", "2026-03-31T16:00:00+00:00"]
