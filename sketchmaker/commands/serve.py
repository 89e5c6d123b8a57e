"""`python app.py`: the whole product in one process, served by waitress."""

import errno
import socket

import click

from sketchmaker import __version__, bootstrap
from sketchmaker.bootstrap import System
from sketchmaker.commands.failures import CannotListen
from sketchmaker.commands.http_server import HttpServer
from sketchmaker.commands.stopping import stop_event
from sketchmaker.settings import Settings

LOWEST_FREE_PORT = 1024


def run() -> None:
    """Serve until the process is told to stop; then finish what is under way.

    Raises:
        CannotListen: the address is taken or not ours.
        SettingsError, SchemaError, DatabaseUnavailable: as `bootstrap.process_system`.
    """
    system = bootstrap.process_system()
    # Listen first: a process that has no port must not start a scheduler.
    server = _listen(system)
    told = stop_event()
    try:
        system.start()
        _greet(system.settings)
        server.serve_until(told)
    finally:
        server.finish()
        system.shutdown()
        click.echo("Stopped.")


def _listen(system: System) -> HttpServer:
    configured = system.settings
    try:
        return HttpServer(
            bootstrap.create_app(system),
            threads=configured.web_threads,
            host=configured.host,
            port=configured.port,
        )
    except (OSError, ValueError) as error:
        raise CannotListen(_why(error, configured)) from error


def _why(error: OSError | ValueError, configured: Settings) -> str:
    address = f"{configured.host} port {configured.port}"
    code = error.errno if isinstance(error, OSError) else None
    if code == errno.EADDRINUSE:
        return f"{address} is taken: stop the other program, or set SKETCHMAKER_PORT to another."
    if code in {errno.EACCES, errno.EPERM}:
        return (
            f"{address} needs more rights than this user has: "
            f"set SKETCHMAKER_PORT to {LOWEST_FREE_PORT} or higher."
        )
    reason = getattr(error, "strerror", None) or str(error).rstrip(".")
    return f"{address} can't be listened on ({reason}): correct SKETCHMAKER_HOST."


def _greet(configured: Settings) -> None:
    host = _as_visited(configured.host)
    address = f"http://{host}:{configured.port}"
    click.echo(f"Sketchmaker {__version__} is ready: {address}")
    click.echo(f"Sign in at {address}/login as admin, with the password that set-up showed,")
    click.echo(f"or make an account at {address}/register. Ctrl-C stops.")


def _as_visited(host: str) -> str:
    """What to type into a browser for an address that is listened on."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
