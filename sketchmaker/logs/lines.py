"""How an event is written: `time level logger event key=value ...`.

`grep scheduler app.log` finds what the scheduler says. A value with anything but plain characters
is quoted as in JSON, so that nothing in it can pass for another fact; what steers a terminal or
turns text around is escaped. A traceback follows its event, every line of it marked.
"""

import json
import logging
import re
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

LONGEST_TEXT: Final = 500
TRACEBACK_LINES: Final = 100

# What steers a terminal, ends a line or turns the direction of text, whoever typed it.
_UNSAFE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_PLAIN: Final = re.compile(r"[\w.:/@+<>,%*-]+", re.ASCII)
_SECRET_KEYS: Final = re.compile(
    r"password|secret|token|api_key|authorization|cookie", re.IGNORECASE
)


def formatter() -> logging.Formatter:
    """Makes a line of any record of the standard library or of structlog."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), _gather_facts, *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _one_line,
        ],
    )


def _gather_facts(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    facts, context = event.pop("facts", {}), event.pop("context", {})
    # The rest is what others left on the record, not facts.
    for leaving in ("message", "asctime", "counted"):
        event.pop(leaving, None)
    given = facts | {key: context[key] for key in sorted(context) if key not in facts}
    return {**event, **{key: value for key, value in given.items() if value is not None}}


def _one_line(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    head = [event.pop("timestamp"), event.pop("level").ljust(7), _name(event.pop("logger", "root"))]
    said = _bounded(str(event.pop("event")))
    traceback = event.pop("exception", None)
    pairs = [f"{key}={_shown(key, value)}" for key, value in event.items()]
    line = " ".join([*head, said, *pairs])
    if traceback is None:
        return line
    told = str(traceback).splitlines()
    if len(told) > TRACEBACK_LINES:
        told = ["(the beginning is left out)", *told[-TRACEBACK_LINES:]]
    return "\n    | ".join([line, *map(_bounded, told)])


def _name(logger: str) -> str:
    # The setup guide promises that `grep scheduler app.log` finds what the scheduler says.
    return re.sub(r"^sketchmaker\.scheduling\b", "sketchmaker.scheduler", logger)


def _shown(key: str, value: object) -> str:
    if _SECRET_KEYS.search(key):
        return "***"
    text = _cut(str(value))
    return text if _PLAIN.fullmatch(text) else escaped(json.dumps(text, ensure_ascii=False))


def _bounded(text: str) -> str:
    return escaped(_cut(text))


def _cut(text: str) -> str:
    # An error may quote a whole form.
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "..."


def escaped(text: str) -> str:
    """The text with nothing in it that ends a line or steers a terminal."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
