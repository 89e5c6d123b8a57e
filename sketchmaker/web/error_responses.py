"""The one table from errors to answers, and the three shapes of an answer: page, htmx fragment, JSON.

A view lets the errors of the contexts pass unless it can say something better on its own page. An
error that is not in the table is a fault of ours: it is logged with an id, and the reader sees the id
and nothing else.
"""

import logging
from dataclasses import dataclass
from typing import Final

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from sketchmaker.accounts import errors as accounts
from sketchmaker.credits import errors as credits
from sketchmaker.database import DatabaseUnavailable
from sketchmaker.randomness import token
from sketchmaker.studio import errors as studio

log = logging.getLogger(__name__)

ERROR_ID_LENGTH: Final = 10


@dataclass(frozen=True)
class Answer:
    """How one kind of error is told: HTTP status and heading. The error itself is the sentence."""

    status: int
    title: str


ANSWERS: Final[dict[type[Exception], Answer]] = {}

HTTP_WORDS: Final[dict[int, tuple[str, str]]] = {
    400: ("That request was not complete", "Go back, check what you entered, and try again."),
    403: ("This page is not for you", "Your account may not open it. Ask an admin if it should."),
    404: ("Nothing here", "The page was moved, deleted, or never existed."),
    405: ("That is not how this page works", "Open it from the navigation instead."),
    413: ("That is too large", "Send less at once."),
    422: ("Something you entered can't be used", "Check it and try again."),
    429: ("Too many attempts", "Wait a moment before you try again."),
    500: ("Something broke on our side", "It has been noted. Nothing was charged."),
    503: ("Back in a moment", "The studio can't answer right now. Try again shortly."),
}
