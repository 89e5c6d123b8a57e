"""A warm interpreter that forks a process for each order, so that a round costs no start-up.

One order a line, as JSON: `{"role": "charger", ...}`; the answer is the process's number. When its
input ends, it takes everything it forked with it: nothing outlives the tests.
"""

import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.kills import roles

LONGEST_LIFE_SECONDS = 120


def main() -> None:
    """Fork until the input ends. Must be the leader of a process group of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are nobody's zombies
    orders = os.fdopen(sys.stdin.fileno(), "rb", buffering=0)
    while line := orders.readline():
        order = json.loads(line)
        process = os.fork()
        if process == 0:
            _live(order)
        sys.stdout.write(f"{process}\n")
        sys.stdout.flush()
    os.killpg(0, signal.SIGKILL)


def _live(order: dict[str, Any]) -> None:
    signal.alarm(LONGEST_LIFE_SECONDS)
    log = os.open(Path(order.pop("log")), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDWR)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    role = getattr(roles, order.pop("role"))
    code = 1
    try:
        role(**order)
        code = 0
    finally:
        if code:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
