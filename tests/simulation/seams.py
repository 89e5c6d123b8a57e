"""Where bugs are planted: parts of the product by their public names, wherever they live.

A part is found by its name alone (`release_expired`, `Balance.on_allowance`), so that moving it to
another module moves the bug with it. Every module that has imported it gets the wrong one, too.
"""

import ast
import importlib
import inspect
import pkgutil
import sys
from functools import cache
from types import ModuleType
from typing import Any

import sketchmaker
from sketchmaker import credits, scheduling

ROOMS = (credits, scheduling)


def part(name: str) -> Any:
    """The part of that name, as it is now."""
    owner, _, member = name.rpartition(".")
    if owner:
        return getattr(part(owner), member)
    return getattr(home_of(name), name)


def places_of(name: str) -> list[tuple[Any, str]]:
    """Every owner and attribute that holds the part, each of which must be given the wrong one."""
    if any(word.startswith("_") for word in name.split(".")):
        raise ValueError(
            f"{name} is private: whoever moves or renames it would not know of the bug."
        )
    owner, _, member = name.rpartition(".")
    if owner:
        return [(part(owner), member)]
    found = part(name)
    return [
        (module, attribute)
        for module in _loaded()
        for attribute, value in vars(module).items()
        if value is found and (attribute == name or callable(found))
    ]


@cache
def home_of(name: str) -> ModuleType:
    """The one module in which the part is made."""
    homes = [module for module in _modules() if name in _made_in(module)]
    if len(homes) != 1:
        places = ", ".join(home.__name__ for home in homes) or "nowhere"
        raise LookupError(f"{name} must be made in one module; it is in: {places}.")
    return homes[0]


@cache
def _modules() -> tuple[ModuleType, ...]:
    return tuple(
        importlib.import_module(found.name)
        for room in ROOMS
        for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")
    )


@cache
def _made_in(module: ModuleType) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.parse(inspect.getsource(module)).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    return frozenset(names)


def _loaded() -> list[ModuleType]:
    prefix = f"{sketchmaker.__name__}."
    return [module for name, module in list(sys.modules.items()) if name.startswith(prefix)]
