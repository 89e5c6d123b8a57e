"""The whole product in one process: `python app.py`. For gunicorn and flask: `create_app`."""

from typing import TYPE_CHECKING

from sketchmaker.__main__ import main

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> "Flask":
    """The web application of this process; scheduler and studio are started by the server."""
    from sketchmaker import bootstrap
    from sketchmaker.commands.failures import told_in_one_line

    with told_in_one_line():
        return bootstrap.create_app()


if __name__ == "__main__":
    main(["serve"])
