"""The sections of the product: parts that a navigation leads to, each declared beside its views.

A module of `web/pages/` or `web/admin/` has a `blueprint`, and a `section` when people find it in a
navigation. Nothing else lists them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Final, cast

from flask import Blueprint, Flask

from sketchmaker.accounts.roles import Role

EXTENSION: Final = "sketchmaker.sections"


@dataclass(frozen=True)
class Section:
    """What a navigation shows of a blueprint, and where.

    Sections are ordered by `place`. `start` is the view that the navigation leads to. `role` is the
    least role for each of its views; without it the views say so, and in the console it is admin.
    """

    title: str
    icon: str
    place: int
    blueprint: Blueprint
    role: Role | None = None
    start: str = "show"

    @property
    def endpoint(self) -> str:
        """The view that the navigation leads to."""
        return f"{self.blueprint.name}.{self.start}"


@dataclass(frozen=True)
class Sections:
    """All sections of an application, and the least roles that go with their blueprints."""

    pages: tuple[Section, ...]
    console: tuple[Section, ...]
    console_blueprints: frozenset[str]
    least_roles: dict[str, Role]

    def least_role(self, endpoint: str) -> Role | None:
        """The least role for a view because of where it stands; None when it says so itself."""
        return self.least_roles.get(blueprint_of(endpoint))


def install(app: Flask, pages: Iterable[ModuleType], console: Iterable[ModuleType]) -> None:
    """Register the blueprints of these modules, and remember their sections."""
    pages, console = tuple(pages), tuple(console)
    for module in (*pages, *console):
        app.register_blueprint(module.blueprint)
    of_pages, of_console = _declared(pages), _declared(console)
    console_blueprints = frozenset(module.blueprint.name for module in console)
    app.extensions[EXTENSION] = Sections(
        pages=of_pages,
        console=of_console,
        console_blueprints=console_blueprints,
        least_roles=dict.fromkeys(console_blueprints, Role.ADMIN)
        | {one.blueprint.name: one.role for one in (*of_pages, *of_console) if one.role},
    )


def sections_of(app: Flask) -> Sections:
    """The sections of this application."""
    return cast(Sections, app.extensions[EXTENSION])


def blueprint_of(endpoint: str) -> str:
    """The name of the blueprint that a view belongs to."""
    return endpoint.rpartition(".")[0]


def _declared(modules: Iterable[ModuleType]) -> tuple[Section, ...]:
    found = [module.section for module in modules if hasattr(module, "section")]
    return tuple(sorted(found, key=lambda section: section.place))
