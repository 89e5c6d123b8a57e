"""The navigations: of the product, and inside the console. Both show what the reader may open."""

from dataclasses import dataclass
from typing import Final

from flask import current_app, request, url_for

from sketchmaker.web.frame.access import policy_of
from sketchmaker.web.frame.sections import Section, blueprint_of, sections_of
from sketchmaker.web.frame.viewer import viewer

CONSOLE: Final = ("Admin", "shield-lock")


@dataclass(frozen=True)
class NavigationItem:
    """One entry of a navigation: where it leads, and whether the reader is there."""

    label: str
    icon: str
    url: str
    is_current: bool = False
    is_page: bool = False


def navigation() -> list[NavigationItem]:
    """The main navigation of this reader. The whole console is one entry of it."""
    sections = sections_of(current_app)
    items = [_item(section) for section in sections.pages if _may_open(section)]
    if within := console_navigation():
        is_there = _here() in sections.console_blueprints
        is_page = within[0].is_page
        items.append(NavigationItem(*CONSOLE, within[0].url, is_current=is_there, is_page=is_page))
    return items


def console_navigation() -> list[NavigationItem]:
    """The navigation inside the console; empty for whoever may open none of it."""
    return [_item(section) for section in sections_of(current_app).console if _may_open(section)]


def _may_open(section: Section) -> bool:
    policy = policy_of(current_app, section.endpoint)
    return policy is not None and policy.lets_in(viewer())


def _item(section: Section) -> NavigationItem:
    return NavigationItem(
        section.title,
        section.icon,
        url_for(section.endpoint),
        is_current=_here() == section.blueprint.name,
        is_page=request.endpoint == section.endpoint,
    )


def _here() -> str:
    return blueprint_of(request.endpoint or "")
