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
    "sketchmaker/scheduling/housekeeper.py": 1,
    "sketchmaker/scheduling/reset_runner.py": 1,
    "sketchmaker/studio/worker.py": 2,
}

# Who may touch what else must come in as an argument.
OWNERS = {
    "clock": (
        {"sketchmaker/clock.py"},
        r"\b(?:time\.(?:time|monotonic|sleep)|\.utcnow\(|datetime\.now\()",
    ),
    "environment": ({"sketchmaker/settings.py"}, r"\bos\.(?:environ|getenv)\b"),
    "chance": (
        {"sketchmaker/randomness.py"},
        r"\b(?:import (?:secrets|random)\b|from (?:secrets|random)\b|uuid[14]\()",
    ),
    "commit": ({"sketchmaker/database/__init__.py"}, r"\.commit\(\)"),
}


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
