"""What an operator sees when the product can't start: one line, exit code 2, no traceback."""

import ast
import socket
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import programs

PROGRAMS = ["app.py", "setup_subscriptions.py"]


def the_one_line(folder: Path, *arguments: str, **settings: str) -> str:
    done = programs.run(folder, *arguments, **settings)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    return line


@pytest.fixture
def set_up_folder(tmp_path: Path) -> Path:
    assert programs.run(tmp_path, "setup_subscriptions.py").returncode == 0
    return tmp_path


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield str(listener.getsockname()[1])


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_bad_url(tmp_path: Path, program: str) -> None:
    line = the_one_line(tmp_path, program, DATABASE_URL="mysql://ada:hunter2@db/x")
    assert "DATABASE_URL" in line
    assert "hunter2" not in line


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_unreachable_database(tmp_path: Path, program: str) -> None:
    port = programs.free_port()
    url = f"postgresql://ada:hunter2@127.0.0.1:{port}/x"
    line = the_one_line(tmp_path, program, DATABASE_URL=url)
    assert "The database does not answer" in line
    assert str(port) in line
    assert "hunter2" not in line


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_file_that_is_no_database(tmp_path: Path, program: str) -> None:
    (tmp_path / "notes.txt").write_text("Dear diary, " * 100)
    url = f"sqlite:///{tmp_path}/notes.txt"
    assert "not an SQLite file" in the_one_line(tmp_path, program, DATABASE_URL=url)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_data_folder_that_can_not_be_written(tmp_path: Path, program: str) -> None:
    # /proc can't be written by anybody, root included.
    line = the_one_line(tmp_path, program, SKETCHMAKER_DATA="/proc/sketchmaker")
    assert "SKETCHMAKER_DATA" in line
    assert "/proc/sketchmaker" in line


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_log_that_can_not_be_written(tmp_path: Path, program: str) -> None:
    (tmp_path / "data" / "app.log").mkdir(parents=True)
    assert "app.log" in the_one_line(tmp_path, program)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_schema_newer_than_the_code(set_up_folder: Path, program: str) -> None:
    with sqlite3.connect(set_up_folder / "data" / "sketchmaker.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert "newer than this code" in the_one_line(set_up_folder, program)


def test_a_database_that_was_never_set_up(tmp_path: Path) -> None:
    assert "run python setup_subscriptions.py" in the_one_line(tmp_path, "app.py")


def test_a_port_that_is_taken(set_up_folder: Path, taken_port: str) -> None:
    line = the_one_line(set_up_folder, "app.py", SKETCHMAKER_PORT=taken_port)
    assert f"port {taken_port} is taken" in line
    assert "SKETCHMAKER_PORT" in line


def test_an_address_that_is_not_ours(set_up_folder: Path) -> None:
    line = the_one_line(set_up_folder, "app.py", SKETCHMAKER_HOST="203.0.113.7")
    assert "SKETCHMAKER_HOST" in line


def test_a_port_that_is_no_number(tmp_path: Path) -> None:
    assert "SKETCHMAKER_PORT is 'http'" in the_one_line(tmp_path, "app.py", SKETCHMAKER_PORT="http")


def test_the_scheduler_alone_minds_the_same(tmp_path: Path) -> None:
    line = the_one_line(tmp_path, "-m", "sketchmaker", "scheduler")
    assert "run python setup_subscriptions.py" in line


def test_packages_that_are_not_installed(tmp_path: Path) -> None:
    done = programs.run(tmp_path, "-S", str(programs.REPOSITORY / "app.py"))
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert "not installed" in line
    assert "make run" in line
    assert sys.executable in line


def test_gunicorn_ends_instead_of_restarting_its_workers(tmp_path: Path) -> None:
    done = programs.run(
        tmp_path,
        "-m",
        "gunicorn",
        "--config",
        str(programs.REPOSITORY / "gunicorn.conf.py"),
        "--chdir",
        str(programs.REPOSITORY),
        "app:create_app()",
        SKETCHMAKER_PORT=str(programs.free_port()),
    )
    assert done.returncode == 2, done.stderr
    assert "Error: The database has no Sketchmaker tables yet" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("file", [*PROGRAMS, "sketchmaker/__main__.py", "sketchmaker/__init__.py"])
def test_any_python_reads_the_files_that_a_start_reads_first(file: str) -> None:
    """An old Python gets the sentence about its version instead of a traceback."""
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse((programs.REPOSITORY / file).read_text(encoding="ascii"))):
        assert not isinstance(node, newer)
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
            assert [argument.annotation for argument in node.args.args] == [None] * len(
                node.args.args
            )
