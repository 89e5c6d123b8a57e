"""How long the console's lists take: whole answers, by the application's test client."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import people
from sketchmaker import bootstrap
from sketchmaker.accounts.roles import Role
from sketchmaker.clock import ManualClock
from sketchmaker.paging import Cursor
from sketchmaker.web.frame import paging
from tests.support.web_system import PASSWORD, composed, enrolled
from tests.web.accounts.browser import Browser

LIST, JOBS = "/admin/subscriptions/", "/admin/subscriptions/scheduled-jobs"
ADMIN = "benchmark.admin"
TIMES = 9

PAGES: dict[str, tuple[str, Cursor | None]] = {
    "list": (LIST, None),
    "search that hits": (f"{LIST}?q=person777", None),
    "search that misses": (f"{LIST}?q=nobody-is-called-so", None),
    "by plan": (f"{LIST}?plan=pro", None),
    "last page": (LIST, Cursor(("zzz",), goes_back=True)),
    "scheduled jobs": (JOBS, None),
    "scheduled jobs, last page": (JOBS, Cursor(("9000-01-01 00:00:00+00:00", 0), goes_back=True)),
    "audit": ("/admin/audit/", None),
    "a user": ("/admin/users/777", None),
}


@contextmanager
def console(url: str) -> Iterator[Browser]:
    """A browser that an admin has signed in with."""
    with tempfile.TemporaryDirectory() as folder:
        system = composed(url, Path(folder), ManualClock(people.NOTHING_DUE))
        enrolled(system, ADMIN, role=Role.SUPERADMIN)
        browser = Browser(bootstrap.create_app(system))
        browser.sign_in(ADMIN, PASSWORD)
        yield browser
        system.database.close()


def milliseconds(browser: Browser, page: str) -> float:
    """The median of some answers, after one that warms up."""
    address = _address(browser, page)
    took = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        answer = browser.get(address)
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{address}: {answer.status_code}")
    return statistics.median(took[1:])


def _address(browser: Browser, page: str) -> str:
    path, cursor = PAGES[page]
    with browser.client.application.test_request_context(path):
        return paging.cursor_url(cursor) if cursor else path
