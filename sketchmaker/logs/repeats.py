"""What happens again and again is written once and counted, so that nobody can fill a log.

A traceback is written once a minute for each place it comes from. An event marked `counted`, and
what a library says, is written at most once a second for the same name, address, user and error,
and, while it goes on, at intervals that double up to a minute. However many addresses there are,
at most `MOST_KEYS` of them are told apart. The end of each interval has one line with the count,
the first and the last time.
"""

import logging
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from structlog.contextvars import get_contextvars

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
MOST_KEYS: Final = 50

Key = tuple[object, ...]


@dataclass
class _Repeated:
    """An event that was written at `written_at` and is only counted during the pause after it."""

    record: logging.LogRecord
    written_at: float
    pause: float
    count: int = 0
    first_at: float = 0.0
    last_at: float = 0.0

    @property
    def ends_at(self) -> float:
        return self.written_at + self.pause

    def is_over(self, now: float) -> bool:
        # A clock that was set back must not silence anything until it has caught up.
        return not 0 <= now - self.written_at < self.pause

    def is_forgotten(self, now: float) -> bool:
        return not 0 <= now - self.written_at < self.pause + LONGEST_PAUSE_SECONDS

    def add(self, now: float) -> None:
        self.first_at = self.first_at if self.count else now
        self.last_at = now
        self.count += 1


class Repeats(logging.Handler):
    """Hands records on to its targets, repeated ones as a count."""

    def __init__(self, targets: Sequence[logging.Handler]) -> None:
        super().__init__()
        self._targets = targets
        self._seen: dict[Key, _Repeated] = {}
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or count it when its like was written a moment ago."""
        record.context = getattr(record, "context", None) or get_contextvars()
        now = record.created
        self._tell_counts(now)
        key = _key(record)
        if key is not None:
            key = self._told_apart(key)
            seen = self._seen.get(key)
            if seen is not None and not seen.is_over(now):
                seen.add(now)
                self._wake_at(seen.ends_at, now)
                return
            self._seen[key] = _Repeated(record, now, _next_pause(record, seen))
        self._hand_on(record)

    def close(self) -> None:
        """Tell what was counted and close the targets."""
        with self.lock:  # type: ignore[union-attr]
            for repeated in self._seen.values():
                self._tell(repeated)
            self._seen.clear()
            if self._timer is not None:
                self._timer.cancel()
        for target in self._targets:
            target.close()
        super().close()

    def _told_apart(self, key: Key) -> Key:
        """The key, or the one for everybody else when its event has too many keys already."""
        if key in self._seen:
            return key
        of_that_name = Counter(known[0] for known in self._seen)[key[0]]
        return key if of_that_name < MOST_KEYS else (key[0], "everybody else")

    def _tell_counts(self, now: float) -> None:
        for key, repeated in list(self._seen.items()):
            if repeated.is_over(now):
                self._tell(repeated)
            if repeated.is_forgotten(now):
                del self._seen[key]

    def _tell(self, repeated: _Repeated) -> None:
        if not repeated.count:
            return
        self._hand_on(_summary(repeated))
        repeated.count = 0

    def _hand_on(self, record: logging.LogRecord) -> None:
        for target in self._targets:
            target.handle(record)

    def _wake_at(self, when: float, now: float) -> None:
        """See to it that a count is told even when nothing else is ever logged."""
        if self._timer is None:
            self._timer = threading.Timer(when - now, self._wake, [when])
            self._timer.daemon = True
            self._timer.start()

    def _wake(self, now: float) -> None:
        with self.lock:  # type: ignore[union-attr]
            self._timer = None
            self._tell_counts(now)
            if waiting := [seen.ends_at for seen in self._seen.values() if seen.count]:
                self._wake_at(min(waiting), now)


def _key(record: logging.LogRecord) -> Key | None:
    """What makes two records the same event; None for one that is always written."""
    if getattr(record, "counted", False):
        known = {**vars(record)["context"], **vars(record)["facts"]}
        return (record.msg, *(known.get(name) for name in ("address", "user", "error")))
    if not record.name.startswith("sketchmaker") and not record.exc_info:
        return (record.name, record.msg)
    if record.exc_info and (trace := record.exc_info[2]):
        while trace.tb_next:
            trace = trace.tb_next
        return (record.exc_info[0], trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    return None


def _next_pause(record: logging.LogRecord, before: _Repeated | None) -> float:
    if record.exc_info:
        return LONGEST_PAUSE_SECONDS
    return min(2 * before.pause, LONGEST_PAUSE_SECONDS) if before else FIRST_PAUSE_SECONDS


def _summary(repeated: _Repeated) -> logging.LogRecord:
    first = repeated.record
    counted = {
        "times": repeated.count,
        "first": _time(repeated.first_at),
        "last": _time(repeated.last_at),
    }
    facts = {
        "context": vars(first)["context"],
        "facts": {**vars(first).get("facts", {}), **counted},
    }
    said = f"{first.getMessage()} (again)"
    return logging.makeLogRecord(
        {"name": first.name, "levelno": first.levelno, "levelname": first.levelname, "msg": said}
        | facts
    )


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
