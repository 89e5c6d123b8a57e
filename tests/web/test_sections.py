"""A section declares itself: one new file in its folder, and everything else follows."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask

from sketchmaker import bootstrap
from sketchmaker.accounts.roles import Role
from sketchmaker.bootstrap import System
from sketchmaker.web import admin, pages
from tests.support.web_system import PASSWORD, enrolled
from tests.web.accounts.browser import Browser

SECTION = """
from flask import Blueprint, render_template_string
from sketchmaker.accounts.roles import Role
from sketchmaker.web.frame.access import public, requires
from sketchmaker.web.frame.sections import Section

blueprint = Blueprint("{name}", __name__, url_prefix="/{name}")
section = Section("{title}", "users", place={place}, blueprint=blueprint, role={role})

@blueprint.get("")
def show():
    return render_template_string('{{% extends "layouts/admin.html" %}}')

@blueprint.get("/careless")
@public
def careless():
    return "opened"

@blueprint.get("/strict")
@requires(Role.SUPERADMIN)
def strict():
    return "opened"
"""


Declare = Callable[..., None]


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Declare]:
    """Lays a module into the folder of the pages or of the console."""
    loaded = set(sys.modules)

    def lay(package: ModuleType, name: str, **facts: object) -> None:
        folder = tmp_path / package.__name__
        folder.mkdir(exist_ok=True)
        about = {"title": name.title(), "place": 15, "role": None, **facts}
        (folder / f"{name}.py").write_text(SECTION.format(name=name, **about))
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])

    yield lay
    for name in set(sys.modules) - loaded:
        del sys.modules[name]


def browser_of(system: System, app: Flask, role: Role) -> Browser:
    browser = Browser(app)
    browser.sign_in(enrolled(system, f"{role}-person", role=role).username, PASSWORD)
    return browser


def entries(page: str, navigation: str) -> list[str]:
    found = re.search(rf'<nav [^>]*aria-label="{navigation}">(.*?)</nav>', page, re.DOTALL)
    assert found
    return re.findall(r"([\w ]+)</a>", found[1])


def test_a_new_section_stands_in_its_place_for_those_who_may_open_it(
    system: System, declare: Declare
) -> None:
    declare(admin, "ceilings")
    declare(admin, "vault", place=12, role="Role.SUPERADMIN")
    app = bootstrap.create_app(system)
    for role, expected in (
        (Role.ADMIN, ["Subscriptions", "Ceilings", "Scheduled jobs"]),
        (Role.SUPERADMIN, ["Subscriptions", "Vault", "Ceilings", "Scheduled jobs"]),
    ):
        page = browser_of(system, app, role).get("/ceilings").text
        named = ("Subscriptions", "Vault", "Ceilings", "Scheduled jobs")
        assert [entry for entry in entries(page, "Admin") if entry in named] == expected


def test_no_view_of_the_console_is_open_to_people(system: System, declare: Declare) -> None:
    declare(admin, "ceilings")
    declare(admin, "vault", role="Role.SUPERADMIN")
    app = bootstrap.create_app(system)
    paths = ("/ceilings", "/ceilings/careless", "/ceilings/strict", "/vault/careless")
    answers = {}
    for role in Role:
        browser = browser_of(system, app, role)
        answers[role] = [browser.get(path).status_code for path in paths]
    assert answers == {
        Role.USER: [403, 403, 403, 403],
        Role.ADMIN: [200, 200, 403, 403],
        Role.SUPERADMIN: [200, 200, 200, 200],
    }


def test_a_new_page_stands_in_the_main_navigation(system: System, declare: Declare) -> None:
    declare(pages, "presets", place=2, role="Role.USER")
    app = bootstrap.create_app(system)
    page = browser_of(system, app, Role.USER).get("/presets").text
    assert entries(page, "Main") == ["Studio", "Gallery", "Presets", "Dashboard", "Pricing"]
    assert entries(Browser(app).get("/pricing").text, "Main") == ["Pricing"]
