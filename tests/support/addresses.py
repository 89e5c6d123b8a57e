"""The addresses of an application, read off its routes: no test lists them by hand."""

from collections.abc import Iterator

from flask import Flask
from werkzeug.routing import AnyConverter, IntegerConverter, Rule

from sketchmaker.accounts.roles import Role
from sketchmaker.web.frame.access import STATIC_ENDPOINT, Policy, policy_of


def policies(app: Flask) -> Iterator[tuple[Rule, Policy]]:
    """Every rule but that of static files, and who may use it."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint != STATIC_ENDPOINT:
            policy = policy_of(app, rule.endpoint)
            assert policy is not None, f"{rule.endpoint} says nobody may open it"
            yield rule, policy


def pages(app: Flask, role: Role | None) -> list[str]:
    """The addresses of the pages that ask for just this role, and for no argument."""
    return [
        rule.rule
        for rule, policy in policies(app)
        if policy.role == role
        and not policy.for_machines
        and not rule.arguments
        and "GET" in (rule.methods or ())
    ]


def example(rule: Rule, name: str, otherwise: object = "x") -> object:
    """A value that an address of the rule may have for this argument."""
    converter = rule._converters[name]
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    return 1 if isinstance(converter, IntegerConverter) else otherwise
