"""What happens again and again is written once and counted: no stranger can fill a log."""

import logging
import sys
from collections.abc import Iterator
from types import TracebackType

import pytest

from sketchmaker.logs.lines import formatter
from sketchmaker.logs.repeats import MOST_KEYS, Repeats

HOUR = 3600


class Lines(logging.Handler):
    """Keeps the lines that it was handed."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(formatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def kept() -> Lines:
    return Lines()


@pytest.fixture
def repeats(kept: Lines) -> Iterator[Repeats]:
    handler = Repeats([kept])
    yield handler
    handler.close()


def record(name: str, at: float, *, counted: bool = True, **facts: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "sketchmaker.x", "msg": name, "levelname": "INFO", "created": at}
        | {"counted": counted, "facts": facts}
    )


def failure(at: float) -> logging.LogRecord:
    try:
        raise ValueError("odd row")
    except ValueError:
        trace: tuple[type, BaseException, TracebackType | None] = sys.exc_info()  # type: ignore[assignment]
        return logging.makeLogRecord(
            {"name": "x", "msg": "it failed", "levelname": "ERROR", "created": at}
            | {"exc_info": trace}
        )


def test_the_same_counted_event_is_written_once_a_second_and_then_as_a_number(
    repeats: Repeats, kept: Lines
) -> None:
    for moment in range(10):
        repeats.handle(record("sign-in failed", 100 + moment / 20, address="192.0.2.1"))
    assert len(kept.lines) == 1
    repeats.handle(record("something else", 110, counted=False))
    assert len(kept.lines) == 3
    assert "sign-in failed (again)" in kept.lines[1]
    assert "times=9 first=1970-01-01T00:01:40.050+00:00" in kept.lines[1]


def test_other_addresses_and_other_people_are_not_the_same(repeats: Repeats, kept: Lines) -> None:
    for facts in ({"address": "192.0.2.1"}, {"address": "192.0.2.2"}, {"user": 7}):
        repeats.handle(record("refused", 100, **facts))
    assert len(kept.lines) == 3


def test_what_is_not_counted_is_always_written(repeats: Repeats, kept: Lines) -> None:
    for _ in range(20):
        repeats.handle(record("image drawn", 100, counted=False))
    assert len(kept.lines) == 20


def test_an_hour_of_refusals_from_one_address_takes_some_hundred_lines(
    repeats: Repeats, kept: Lines
) -> None:
    for moment in range(HOUR * 10):
        repeats.handle(record("refused", 100 + moment / 10, address="192.0.2.1"))
    assert len(kept.lines) < 150


def test_any_number_of_addresses_takes_a_bounded_number_of_lines(
    repeats: Repeats, kept: Lines
) -> None:
    for number in range(20_000):
        repeats.handle(record("refused", 100 + number / 1000, address=f"192.0.2.{number}"))
    assert len(kept.lines) < 3 * MOST_KEYS


def test_a_traceback_is_written_once_a_minute(repeats: Repeats, kept: Lines) -> None:
    for moment in range(121):
        repeats.handle(failure(100 + moment))
    tracebacks = [line for line in kept.lines if "ValueError: odd row" in line]
    assert len(tracebacks) == 3
    assert [line for line in kept.lines if "it failed (again) times=59" in line]


def test_what_a_library_repeats_is_counted(repeats: Repeats, kept: Lines) -> None:
    for depth in range(50):
        said = {"name": "waitress.queue", "msg": "Task queue depth is %d", "args": (depth,)}
        repeats.handle(logging.makeLogRecord(said | {"created": 100.0, "levelname": "WARNING"}))
    assert len(kept.lines) == 1


def test_a_clock_that_is_set_back_silences_nothing(repeats: Repeats, kept: Lines) -> None:
    repeats.handle(record("refused", 10_000))
    repeats.handle(record("refused", 5_000))
    assert len(kept.lines) == 2


def test_a_count_is_told_although_nothing_else_is_logged(repeats: Repeats, kept: Lines) -> None:
    repeats.handle(record("refused", 100.0))
    repeats.handle(record("refused", 100.98))
    timer = repeats._timer
    assert timer is not None
    timer.join(timeout=120)
    assert "times=1" in kept.lines[-1]


def test_closing_tells_what_was_counted(kept: Lines) -> None:
    handler = Repeats([kept])
    for _ in range(3):
        handler.handle(record("refused", 100))
    handler.close()
    assert "times=2" in kept.lines[-1]
