"""Where events are written: the console and `app.log` in the data folder, one line an event.

A line is `time level logger event key=value ...`, so that `grep scheduler app.log` finds what the
scheduler says. A traceback follows its event, every line of it marked, so that nothing in it can
pass for an event. Several processes may write to one file.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog
from concurrent_log_handler import ConcurrentRotatingFileHandler

from sketchmaker.settings import Settings, SettingsError

LOG_BYTES = 5_000_000
LOG_FILES_KEPT = 5

_OURS = "sketchmaker"

# Libraries that narrate; what goes wrong in them is still heard.
_TALKATIVE = ("alembic", "apscheduler", "waitress", "PIL", "concurrent_log_handler")

# One event is one line, whatever a person typed into it; and no terminal is steered by it.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_SECRET_KEYS = re.compile(r"password|secret|token|api_key|authorization|cookie", re.IGNORECASE)


def configure(settings: Settings, *, console: bool = True) -> None:
    """Send every event of this process, structlog's and the standard library's, to both places.

    A command that tells its own story goes without the console. May be called again: handlers are
    replaced, not added.

    Raises:
        SettingsError: `app.log` can't be written.
    """
    _configure_structlog()
    root = logging.getLogger()
    for old in list(root.handlers):
        if old.name == _OURS:
            root.removeHandler(old)
            old.close()
    handlers = [_file(settings.data_folder / "app.log")]
    if console:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(_formatter())
        handler.name = _OURS
        root.addHandler(handler)
    root.setLevel(settings.log_level.upper())
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    if settings.unknown_names_warning:
        logging.getLogger(__name__).warning(settings.unknown_names_warning)


def _configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _shared() -> list[structlog.typing.Processor]:
    return [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.UnicodeDecoder(),
    ]


def _formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _drop_leavings, *_shared()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _one_line,
        ],
    )


def _drop_leavings(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    # Another handler's formatter leaves these on the record, where they look like facts.
    return {key: value for key, value in event.items() if key not in {"message", "asctime"}}


def _one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    head = [event.pop("timestamp"), event.pop("level").ljust(7), _name(event.pop("logger", "root"))]
    said = str(event.pop("event"))
    traceback = event.pop("exception", None)
    pairs = [f"{key}={_shown(key, value)}" for key, value in event.items()]
    line = _escaped(" ".join([*head, said, *pairs]))
    if traceback is None:
        return line
    return "\n    | ".join([line, *(_escaped(part) for part in str(traceback).splitlines())])


def _name(logger: str) -> str:
    # The setup guide promises that `grep scheduler app.log` finds what the scheduler says.
    return re.sub(r"^sketchmaker\.scheduling\b", "sketchmaker.scheduler", logger)


def _shown(key: str, value: object) -> str:
    if _SECRET_KEYS.search(key):
        return "***"
    text = str(value)
    return f'"{text}"' if " " in text or text == "" else text


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _file(path: Path) -> logging.Handler:
    try:
        # The handler opens the file with the first event: too late to say that it can't.
        path.touch(mode=0o600)
        path.open("a").close()
    except OSError as error:
        raise SettingsError(
            f"The log {path} can't be written ({error.strerror}): give this user the right to."
        ) from error
    handler: logging.Handler = ConcurrentRotatingFileHandler(
        path,
        maxBytes=LOG_BYTES,
        backupCount=LOG_FILES_KEPT,
        encoding="utf-8",
        lock_file_directory=str(path.parent),
        chmod=0o600,
    )
    return handler
