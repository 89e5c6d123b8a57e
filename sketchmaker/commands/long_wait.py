"""A progress bar for what takes long, where somebody is looking; else nothing."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from sketchmaker.clock import uptime_seconds

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

PATIENCE_SECONDS = 2.0


class LongWait:
    """Shows a bar on stderr once the work has taken two seconds, if that is a terminal."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._began_at = uptime_seconds()
        self._bar: ProgressBar[int] | None = None
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.render_finish()

    def __call__(self, done: int, total: int) -> None:
        """So much is done, of so much in all."""
        if self._bar is None and self._is_long():
            self._bar = click.progressbar(length=total, label=self._label, file=sys.stderr)
        if self._bar is not None:
            self._bar.update(done - self._done)
            self._done = done

    def say(self, line: str) -> None:
        """Print a line on stdout. On a terminal the bar makes room for it, and comes back below."""
        if self._bar is not None:
            click.echo("\r\x1b[K", file=sys.stderr, nl=False)
        click.echo(line)

    def _is_long(self) -> bool:
        return sys.stderr.isatty() and uptime_seconds() - self._began_at > PATIENCE_SECONDS
