"""gunicorn's processes with the product's own HTTP server in each: `gunicorn.conf.py` names it.

gunicorn's own workers read a request in a thread, so that a few slow visitors take all of them.
"""

import os
from typing import Final

from gunicorn.workers.base import Worker

from sketchmaker.commands.http_server import HttpServer

# As long as a visitor's next request may take to come, when workers are replaced.
IDLE_SECONDS: Final = 3.0


class HttpServerWorker(Worker):
    """One process: it answers on gunicorn's sockets until gunicorn tells it to stop, or is gone."""

    def run(self) -> None:
        """Serve, showing gunicorn twice a second that the process is alive."""
        listened_on = [listener.sock for listener in self.sockets]
        server = HttpServer(self.wsgi, threads=self.cfg.threads, sockets=listened_on)
        try:
            while self.alive and self.ppid == os.getppid():
                self.notify()
                server.turn()
        finally:
            server.finish(
                idle_seconds=IDLE_SECONDS,
                within_seconds=self.cfg.graceful_timeout,
                meanwhile=self.notify,
            )
