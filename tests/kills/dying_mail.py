"""A process that mails the one letter that waits, and is killed as it is about to say so."""

import os
import signal
import sys
from pathlib import Path

from sketchmaker.accounts.letters import DELIVERER
from sketchmaker.delivery.worker import DeliveryWorker
from tests.support.smtp_server import PostOffice, mail_settings
from tests.support.web_system import composed


def die(*_args: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(database_url: str, port: int, folder: Path) -> None:
    DeliveryWorker._note_delivered = die  # type: ignore[assignment,method-assign]
    system = composed(database_url, folder, mail=mail_settings(PostOffice(port)))
    system.deliveries.deliver_next(DELIVERER)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
