"""The shape of the code: what no linter says. The numbers may fall, they do not rise."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CODE = sorted((REPOSITORY / "sketchmaker").rglob("*.py"))

LONGEST_FUNCTION = 40
LONGEST_FILE = 300

# An edge catches everything, to log it and let others go on; these are all there are.
BROAD_EXCEPTS = {
    "sketchmaker/database/listener.py": 1,
    "sketchmaker/delivery/worker.py": 2,
    "sketchmaker/scheduling/durable_scheduler.py": 1,
    "sketchmaker/scheduling/housekeeper.py": 1,
    "sketchmaker/scheduling/reset_runner.py": 1,
    "sketchmaker/studio/handing_in.py": 1,
    "sketchmaker/studio/making.py": 1,
    "sketchmaker/studio/worker.py": 2,
}

# Who may touch what else must come in as an argument.
OWNERS = {
    "clock": (
        {"sketchmaker/clock.py"},
        r"\b(?:time\.(?:time|monotonic|sleep)|\.utcnow\(|datetime\.now\()",
    ),
    "environment": ({"sketchmaker/settings/written.py"}, r"\bos\.(?:environ|getenv)\b"),
    "chance": (
        {"sketchmaker/randomness.py"},
        r"\b(?:import (?:secrets|random)\b|from (?:secrets|random)\b|uuid[14]\()",
    ),
}

ENDS_A_TRANSACTION = re.compile(r"(?i)\s*(begin|start transaction|commit|end)\b")


def name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_functions_are_short() -> None:
    long = [
        f"{name(path)}:{found.lineno} {found.name} has {found.end_lineno - found.lineno + 1} lines"
        for path in CODE
        for found in functions(path)
        if found.end_lineno is not None and found.end_lineno - found.lineno + 1 > LONGEST_FUNCTION
    ]
    assert long == []


def test_files_are_short() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in CODE}
    assert {file: lines for file, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_only_named_edges_catch_everything() -> None:
    found = Counter(
        name(path)
        for path in CODE
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and _is_broad(node)
    )
    assert found == BROAD_EXCEPTS


@pytest.mark.parametrize("what", OWNERS)
def test_each_outside_thing_has_one_owner(what: str) -> None:
    owners, pattern = OWNERS[what]
    found = {name(path) for path in CODE if re.search(pattern, path.read_text())}
    assert found - owners == set()


def test_views_read_and_write_through_their_requests_scope() -> None:
    """Probes of a monitor excepted: they belong to no visit, and nothing is to stop them."""
    pattern = re.compile(r"\bdatabase\.(?:reading|transaction)\(|\bclock\.now\(")
    web = REPOSITORY / "sketchmaker" / "web"
    found = {
        path.relative_to(web).as_posix()
        for path in web.rglob("*.py")
        if pattern.search(path.read_text())
    }
    assert found == {"frame/request_scope.py", "pages/health/__init__.py", "pages/health/report.py"}


def test_only_the_database_package_commits() -> None:
    commits = [
        f"{name(path)}:{line} {what}"
        for path in CODE
        if "sketchmaker/database/" not in path.as_posix()
        for line, what in ways_to_commit(path.read_text())
    ]
    assert commits == []


@pytest.mark.parametrize(
    "code",
    [
        "session.commit()",
        "with engine.begin() as connection: pass",
        "with session.begin(): pass",
        "with Session(engine).begin(): pass",
        "end = connection.commit; end()",
        "getattr(connection, 'commit')()",
        "make = sessionmaker(engine)",
        "connection.execution_options(isolation_level='AUTOCOMMIT')",
        "connection.autocommit = True",
        "create_engine(url, isolation_level='AUTOCOMMIT')",
        "connection.exec_driver_sql('COMMIT')",
        "session.execute(text('begin immediate'))",
    ],
)
def test_every_way_to_commit_is_seen(code: str) -> None:
    assert list(ways_to_commit(code))


@pytest.mark.parametrize(
    "code",
    [
        "with database.transaction() as session: pass",
        "with session.begin_nested(): pass",
        "select(x).execution_options(populate_existing=True)",
        "name = 'Commit'",
    ],
)
def test_what_commits_nothing_is_not_taken_for_it(code: str) -> None:
    assert list(ways_to_commit(code)) == []


def test_every_package_says_what_it_owns() -> None:
    silent = [
        name(path)
        for path in CODE
        if path.name == "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def _is_broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
        for kind in kinds
    )


def ways_to_commit(code: str) -> Iterator[tuple[int, str]]:
    """The lines on which code opens, ends or goes around a transaction, and by what."""
    for node in ast.walk(ast.parse(code)):
        match node:
            case (
                ast.Attribute(attr="begin" | "commit" | "autocommit") | ast.Name(id="sessionmaker")
            ):
                yield node.lineno, ast.unparse(node)
            case ast.Constant(value="commit" | "AUTOCOMMIT"):
                yield node.lineno, repr(node.value)
            case ast.Call(
                func=ast.Attribute(attr="exec_driver_sql" | "execute") | ast.Name(id="text")
            ):
                yield from _spoken(node)


def _spoken(call: ast.Call) -> Iterator[tuple[int, str]]:
    for argument in call.args:
        if isinstance(argument, ast.Constant) and ENDS_A_TRANSACTION.match(str(argument.value)):
            yield call.lineno, str(argument.value)
