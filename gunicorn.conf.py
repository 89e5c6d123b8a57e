"""Read by itself when gunicorn runs here: `gunicorn "app:create_app()"`.

Its workers run the product's own HTTP server, and each has a scheduler and a studio of its own;
the database sees to it that each reset and each image happens once, however many there are.
"""

from typing import Any

from sketchmaker import bootstrap, schema, settings
from sketchmaker.commands.failures import told_in_one_line
from sketchmaker.database import Database

with told_in_one_line():
    _configured = settings.load()

_host = f"[{_configured.host}]" if ":" in _configured.host else _configured.host
bind = f"{_host}:{_configured.port}"
worker_class = "sketchmaker.commands.gunicorn_worker.HttpServerWorker"
workers = 2
threads = _configured.web_threads
graceful_timeout = 30
# Its folder may not be writable, and nothing here needs it.
control_socket_disable = True


def on_starting(_server: Any) -> None:
    """End at once with one line when the database can't be used, instead of restarting workers."""
    with told_in_one_line():
        database = Database(_configured.database_url)
        try:
            schema.check(database)
        finally:
            database.close()


def post_worker_init(_worker: Any) -> None:
    """The worker has made its application: start what works in the background."""
    bootstrap.process_system().start()


def worker_exit(_server: Any, _worker: Any) -> None:
    """Finish what is under way."""
    bootstrap.process_system().shutdown()
