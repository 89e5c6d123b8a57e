"""Using the studio without a browser: sending its form, and letting the worker draw."""

import re
from dataclasses import dataclass

from sqlalchemy import select
from werkzeug.test import TestResponse

from sketchmaker.accounts.tables import User
from sketchmaker.bootstrap import System
from sketchmaker.credits.spending.charges import charge
from sketchmaker.studio.repeats import CLICK
from sketchmaker.studio.tables import Generation
from tests.web.accounts.browser import Browser

FRAGMENT = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass
class Studio:
    """One person at the studio's form."""

    browser: Browser
    system: System

    def request_key(self) -> str:
        """The key hidden in a fresh form."""
        found = re.search(
            r'name="request_key"[^>]*value="([^"]+)"', self.browser.get("/studio").text
        )
        assert found
        return found[1]

    def send(self, prompt: str = "A calm sea", **fields: str) -> TestResponse:
        """Send the form once, as htmx does."""
        return self._send(prompt, fields, FRAGMENT)

    def send_without_scripts(self, prompt: str = "A calm sea") -> TestResponse:
        """Send the form as a browser does by itself."""
        return self._send(prompt, {}, {})

    def _send(self, prompt: str, fields: dict[str, str], headers: dict[str, str]) -> TestResponse:
        form = {
            "csrf_token": self.browser.csrf_token(),
            "request_key": fields.get("request_key") or self.request_key(),
            "prompt": prompt,
            "size": "square",
            "count": "1",
            **fields,
        }
        return self.browser.client.post("/studio/generations", data=form, headers=headers)

    def poll(self, public_id: str, seen: str = "") -> TestResponse:
        """Ask for news, as the page does every second."""
        return self.browser.client.get(
            f"/studio/generations/{public_id}", query_string={"seen": seen}, headers=FRAGMENT
        )

    def part(self, path: str) -> TestResponse:
        """Ask for a part of the page, as htmx does."""
        return self.browser.client.get(path, headers=FRAGMENT)

    def draw(self) -> list[str]:
        """Let the worker finish everything; gives the generations' public names, oldest first."""
        with self.system.database.reading() as session:
            found = session.execute(
                select(Generation.id, Generation.public_id).order_by(Generation.id)
            ).all()
        for generation_id, _ in found:
            self.system.studio_worker.run(generation_id)
        return [public_id for _, public_id in found]

    def make(self, prompt: str = "A calm sea", **fields: str) -> str:
        """An image from start to end; gives the generation's public name."""
        assert self.send(prompt, **fields).status_code == 200
        self.system.clock.sleep(CLICK.total_seconds())  # the next one is another click
        return self.draw()[-1]

    def spend(self, credits: int) -> None:
        """Have used that many credits, without waiting for the images."""
        with self.system.database.transaction() as session:
            user = session.scalars(select(User).order_by(User.id)).first()
            assert user
            charge(
                session,
                user_id=user.id,
                credits=credits,
                action="images",
                now=self.system.clock.now(),
            )

    def image_ids(self) -> list[str]:
        """The public names in the gallery, newest first."""
        return re.findall(r'href="/gallery/([^"/?]+)"', self.browser.get("/gallery").text)

    def balance(self) -> int:
        """The number in the header."""
        return balance_in(self.browser.get("/pricing"))


def balance_in(answer: TestResponse) -> int:
    """The number in the balance pill of a page or fragment."""
    found = re.search(
        r'id="balance".*?<span class="number">([\d,]+)</span>', answer.text, re.DOTALL
    )
    assert found, answer.text
    return int(found[1].replace(",", ""))
