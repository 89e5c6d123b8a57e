"""The scripts make and remove a virtual environment, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def somebodys(folder: Path) -> Path:
    draft = folder / "thesis" / "draft.txt"
    draft.parent.mkdir()
    draft.write_text("Chapter 1")
    return draft


def test_a_folder_that_is_no_virtual_environment_is_never_replaced(tmp_path: Path) -> None:
    draft = somebodys(tmp_path)
    for option in ("requirements.txt", "--remove"):
        refused = run("scripts/venv.sh", option, VENV=str(tmp_path))
        assert refused.returncode == 2
        assert "is not a virtual environment, so it is left alone" in refused.stderr
        assert draft.read_text() == "Chapter 1"


def test_make_takes_no_folder_from_the_environment(tmp_path: Path) -> None:
    planned = run("make", "--dry-run", "run", "clean", VENV=str(tmp_path))
    assert planned.returncode == 0
    assert str(tmp_path) not in planned.stdout


def test_a_folder_with_a_space_in_its_name_is_one_folder(tmp_path: Path) -> None:
    planned = run("make", "--dry-run", "run", f"VENV={tmp_path}/my venv")
    assert f'exec "{tmp_path}/my venv/bin"/python app.py' in planned.stdout


def test_a_virtual_environment_is_removed(tmp_path: Path) -> None:
    made = tmp_path / "made here"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)
    removed = run("scripts/venv.sh", "--remove", VENV=str(made))
    assert removed.returncode == 0
    assert not made.exists()


def test_removing_a_virtual_environment_twice_is_no_mistake(tmp_path: Path) -> None:
    assert run("scripts/venv.sh", "--remove", VENV=str(tmp_path / "none")).returncode == 0
