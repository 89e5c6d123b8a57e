"""Where events are written, one line each: the console and `app.log` in the data folder.

`security.log` keeps what concerns sign-in and access, `access.log` has a line for every request.
Each file has a size and a rotation of its own, so that no amount of one kind drives out another.
What strangers can repeat at will is written once and counted (`repeats.py`).
"""

import logging
import sys
from typing import Final, Literal

from structlog import contextvars

from sketchmaker.logs import files
from sketchmaker.logs.lines import formatter
from sketchmaker.logs.repeats import Repeats
from sketchmaker.settings import Settings

Level = Literal["info", "warning", "error"]

_OURS: Final = "sketchmaker"
_EVENTS: Final = logging.getLogger("sketchmaker.events")
_SECURITY: Final = logging.getLogger("sketchmaker.security")
_ACCESS: Final = logging.getLogger("sketchmaker.access")

# Libraries that narrate; what goes wrong in them is still heard.
_TALKATIVE: Final = (
    "alembic",
    "apscheduler",
    "waitress",
    "flask_wtf",
    "PIL",
    "concurrent_log_handler",
)


def event(name: str, *, level: Level = "info", counted: bool = False, **facts: object) -> None:
    """Write one line of what happened: plain words, then facts as `key=value`.

    The request's own facts (`bind`) are added; what is None is left out. `counted` is for what a
    stranger can cause at will: the same name, address, user and error are written once a second at
    most, later less and less often, and the rest are counted.
    """
    _write(_EVENTS, name, level, counted=counted, facts=facts)


def failure(name: str, error: BaseException, **facts: object) -> None:
    """Write a fault of ours with its traceback, once a minute for each place it comes from."""
    _EVENTS.error(name, exc_info=error, extra={"facts": facts})


def security(name: str, *, level: Level = "info", **facts: object) -> None:
    """Write a line about sign-in or access, to `security.log` as well. Always `counted`."""
    _write(_SECURITY, name, level, counted=True, facts=facts)


def access(**facts: object) -> None:
    """Write the line of one answered request to `access.log`."""
    _write(_ACCESS, "answered", "info", counted=False, facts=facts)


def bind(**facts: object) -> None:
    """Add facts to every later line of this request, or of this thread, until `unbind_all`."""
    contextvars.bind_contextvars(**facts)


def bound() -> dict[str, object]:
    """The facts that `bind` added."""
    return contextvars.get_contextvars()


def unbind_all() -> None:
    """Forget what `bind` added: the next request is another one."""
    contextvars.clear_contextvars()


def configure(settings: Settings, *, console: bool = True) -> None:
    """Send every event of this process to the console and to its files.

    A command that tells its own story goes without the console. May be called again: handlers are
    replaced, not added.

    Raises:
        SettingsError: a log can't be written.
    """
    folder, level = settings.data_folder, settings.log_level.upper()
    app_log = [files.rotating(folder / "app.log")]
    if console:
        app_log.append(logging.StreamHandler(sys.stderr))
    _attach(logging.getLogger(), app_log, level)
    # What concerns security is kept whatever else is wanted.
    _attach(_SECURITY, [files.rotating(folder / "security.log")], "INFO")
    _attach(_ACCESS, [files.rotating(folder / "access.log")], level)
    _ACCESS.propagate = False
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    if settings.unknown_names_warning:
        logging.getLogger(__name__).warning(settings.unknown_names_warning)


def stop() -> None:
    """Tell what is still counted, and close the files. Logging goes nowhere of ours afterwards."""
    for logger in (logging.getLogger(), _SECURITY, _ACCESS):
        _detach(logger)


def _detach(logger: logging.Logger) -> None:
    for old in [handler for handler in logger.handlers if handler.name == _OURS]:
        logger.removeHandler(old)
        old.close()


def _attach(logger: logging.Logger, targets: list[logging.Handler], level: str) -> None:
    _detach(logger)
    for target in targets:
        target.setFormatter(formatter())
    handler = Repeats(targets)
    handler.name = _OURS
    handler.setLevel(level)
    logger.addHandler(handler)
    logger.setLevel(level)


def _write(
    logger: logging.Logger, name: str, level: Level, *, counted: bool, facts: dict[str, object]
) -> None:
    logger.log(
        logging.getLevelNamesMapping()[level.upper()],
        name,
        extra={"counted": counted, "facts": facts},
    )
