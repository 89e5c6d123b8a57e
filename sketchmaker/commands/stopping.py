"""How a process hears that it is to stop: Ctrl-C, or SIGTERM from whoever started it."""

import signal
import threading
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def exit_at_signals() -> None:
    """Let either signal raise SystemExit in the main thread, which servers take as a plain end."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        # Once is enough: a second signal must not interrupt the tidying up.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        raise SystemExit(0)

    for number in _SIGNALS:
        signal.signal(number, leave)


def stop_event() -> threading.Event:
    """An event that either signal sets. Ask for it before starting what has to be stopped."""
    told = threading.Event()
    for number in _SIGNALS:
        signal.signal(number, lambda _number, _frame: told.set())
    return told
