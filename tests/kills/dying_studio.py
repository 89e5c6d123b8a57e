"""A process that draws the one generation that waits, and is killed as its end comes."""

import os
import signal
import sys
from pathlib import Path

from sketchmaker.studio import runs
from sketchmaker.studio.finished_work import FinishedWorkFolder
from tests.support.web_system import composed


def die(*_args: object, **_facts: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(database_url: str, moment: str, folder: Path) -> None:
    if moment == "before the record":
        FinishedWorkFolder.keep = die  # type: ignore[method-assign]
    elif moment == "before the commit":
        runs.finish = die  # type: ignore[assignment]
    else:
        FinishedWorkFolder.forget = die  # type: ignore[method-assign]
    composed(database_url, folder).studio_worker.run(1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(os.environ["STUDIO_FOLDER"]))
