"""The one table from errors to answers, and an answer's three shapes: page, htmx fragment, JSON.

A view lets the errors of the contexts pass, unless it can say something better on its own page. An
error that is not in the table is our fault: it is logged, and only the request's id is shown.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeVar

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask.globals import request_ctx
from werkzeug import Response as BaseResponse
from werkzeug.exceptions import HTTPException
from werkzeug.http import http_date

from sketchmaker import logs
from sketchmaker.accounts import errors as accounts
from sketchmaker.credits.rules import errors as credits
from sketchmaker.credits.rules import invalid_input, plan_errors
from sketchmaker.database import DatabaseUnavailable, LostRace, TransactionConflict
from sketchmaker.limits.errors import LimitReached
from sketchmaker.record import errors as record
from sketchmaker.studio import errors as studio
from sketchmaker.web.frame.request_log import request_id
from sketchmaker.wishes import errors as wishes

AnyResponse = TypeVar("AnyResponse", bound=BaseResponse)


@dataclass(frozen=True)
class Answer:
    """How one kind of error is told: HTTP status and heading. The error itself is the sentence.

    Visitors are not told why a server fails. A 5xx that `is_refusal` is no failure but chosen.
    """

    status: int
    title: str
    is_refusal: bool = False

    @property
    def is_failure(self) -> bool:
        """Is something of ours, or the database, out of order?"""
        return self.status >= 500 and not self.is_refusal


FOR_MACHINES: Final = ("/api/", "/livez", "/readyz", "/healthz")

OUR_FAULT: Final = Answer(500, "Something broke on our side")

NOT_ACCEPTED: Final = "That can't be used"

ANSWERS: Final[dict[type[Exception], Answer]] = {
    accounts.InvalidRegistration: Answer(422, NOT_ACCEPTED),
    accounts.UsernameTaken: Answer(409, "That name is taken"),
    accounts.EmailTaken: Answer(409, "There is an account already"),
    accounts.WrongCredentials: Answer(422, "That did not match"),
    accounts.AccountDeactivated: Answer(403, "This account is switched off"),
    accounts.WrongCurrentPassword: Answer(422, "That did not match"),
    accounts.UnacceptablePassword: Answer(422, NOT_ACCEPTED),
    accounts.UnusableEmail: Answer(422, NOT_ACCEPTED),
    accounts.UnknownTimeZone: Answer(422, NOT_ACCEPTED),
    accounts.SignInSessionNotFound: Answer(404, "No such device"),
    accounts.LastSuperadmin: Answer(409, "Somebody has to be superadmin"),
    accounts.ResetLinkInvalid: Answer(404, "This link doesn't work any more"),
    accounts.ConfirmationLinkInvalid: Answer(404, "This link doesn't work any more"),
    accounts.LoginNotFound: Answer(404, "No such user"),
    accounts.AlreadySo: Answer(409, "Nothing to change"),
    accounts.UserNotFound: Answer(404, "No such user"),
    record.ReasonMissing: Answer(422, NOT_ACCEPTED),
    record.InvalidReason: Answer(422, NOT_ACCEPTED),
    LimitReached: Answer(429, "Limit reached"),
    credits.InvalidAmount: Answer(422, NOT_ACCEPTED),
    invalid_input.TooManyGranted: Answer(422, NOT_ACCEPTED),
    invalid_input.InvalidId: Answer(404, "Not found"),
    invalid_input.InvalidTimeZone: Answer(422, NOT_ACCEPTED),
    credits.InsufficientCredits: Answer(402, "Not enough credits"),
    credits.NoActiveSubscription: Answer(403, "No plan yet"),
    credits.AlreadySubscribed: Answer(409, "There is a plan already"),
    credits.SubscriptionEnded: Answer(409, "The plan was ended"),
    credits.SubscriptionNotFound: Answer(404, "No such subscription"),
    credits.UnknownPlan: Answer(404, "No such plan"),
    credits.NoDefaultPlan: Answer(503, "An admin has to look at this"),
    credits.PlanIsDefault: Answer(409, "New accounts get this plan"),
    plan_errors.InvalidFeatures: Answer(422, NOT_ACCEPTED),
    plan_errors.InvalidPlanWords: Answer(422, NOT_ACCEPTED),
    plan_errors.InvalidStart: Answer(422, NOT_ACCEPTED),
    plan_errors.PlanChangedMeanwhile: Answer(409, "Changed meanwhile"),
    plan_errors.PlanInUse: Answer(409, "The plan is in use"),
    plan_errors.PlanNameTaken: Answer(409, "That name is taken"),
    credits.ResetConflict: Answer(503, "Back in a moment"),
    credits.ChangedMeanwhile: Answer(503, "Back in a moment"),
    credits.ResetSuspended: Answer(503, "An admin has to look at this"),
    credits.KeyReused: Answer(422, "Sent before, as something else"),
    credits.InvalidKey: Answer(422, NOT_ACCEPTED),
    credits.InvalidGrant: Answer(422, NOT_ACCEPTED),
    credits.GrantNotFound: Answer(404, "No such grant"),
    credits.EntryNotFound: Answer(404, "No such entry"),
    credits.NotRefundable: Answer(409, "Nothing to refund"),
    credits.RefundTooLarge: Answer(409, "More than can be refunded"),
    credits.ReasonMissing: Answer(422, NOT_ACCEPTED),
    credits.NothingToChange: Answer(409, "Nothing to change"),
    credits.InvalidResetDate: Answer(422, NOT_ACCEPTED),
    credits.AllowanceLimit: Answer(429, "Enough for today"),
    credits.InvalidChoice: Answer(422, NOT_ACCEPTED),
    credits.InvalidReason: Answer(422, NOT_ACCEPTED),
    credits.InvalidAction: OUR_FAULT,
    credits.InvalidDetails: OUR_FAULT,
    credits.ReservedAction: OUR_FAULT,
    credits.InvalidLifetime: OUR_FAULT,
    credits.InvalidInstant: OUR_FAULT,
    credits.HoldNotFound: OUR_FAULT,
    credits.HoldNotPending: OUR_FAULT,
    wishes.InvalidWish: Answer(422, NOT_ACCEPTED),
    wishes.AlreadyWished: Answer(409, "Asked already"),
    wishes.WishAnswered: Answer(409, "Answered already"),
    studio.InvalidImageRequest: Answer(422, NOT_ACCEPTED),
    studio.NotInPlan: Answer(403, "Not in your plan"),
    studio.RequestKeyReused: Answer(409, "Sent before"),
    studio.TooManyGenerations: Answer(429, "Limit reached"),
    studio.StudioBusy: Answer(503, "The studio is busy", is_refusal=True),
    studio.CancelledTooLate: Answer(409, "Too late to cancel"),
    studio.GenerationNotFound: Answer(404, "No such generation"),
    studio.ImageNotFound: Answer(404, "No such image"),
    studio.ImageFileMissing: Answer(404, "This image is missing"),
    studio.UnusablePicture: OUR_FAULT,
    studio.ProviderFailed: OUR_FAULT,
    DatabaseUnavailable: Answer(503, "Back in a moment"),
    LostRace: Answer(503, "Back in a moment"),
    TransactionConflict: Answer(503, "Back in a moment"),
}

HTTP_WORDS: Final[dict[int, tuple[str, str]]] = {
    400: ("That request was not complete", "Go back, check what you entered, and try again."),
    401: ("Please sign in", "This page is for people with an account."),
    403: (
        "This page is not open to you",
        "Your account may not see it. Ask an admin if it should.",
    ),
    404: ("There is nothing here", "The page was moved or deleted, or it never existed."),
    405: ("That is not how this page works", "Open it from the navigation instead."),
    413: ("That is too large", "Send less at once."),
    422: ("Something you entered can't be used", "Check it and try again."),
    429: ("That was too often", "Wait a moment before you try again."),
    500: ("Something broke on our side", "It has been noted."),
    503: ("Back in a moment", "The studio can't answer right now. Try again shortly."),
}


def install(app: Flask) -> None:
    """Answer every error of the application in one way."""
    for known in ANSWERS:
        app.register_error_handler(known, _known)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unknown)


def _known(error: Exception) -> Response:
    logs.bind(error=type(error).__name__)
    answer = answer_to(error)
    if answer is OUR_FAULT:
        return _unknown(error)
    if answer.is_failure:
        # Which server does not answer, and why, is for the log and not for visitors.
        _log_outage(error)
        return respond(answer, HTTP_WORDS[503][1])
    return try_again_later(respond(answer, str(error)), error)


def answer_to(error: Exception) -> Answer:
    """How the table answers that error; one that it does not know is our fault."""
    return ANSWERS.get(type(error), OUR_FAULT)


def try_again_later(response: AnyResponse, error: Exception) -> AnyResponse:
    """The response; its header says when to try again, if the error knows. A limit is logged."""
    if isinstance(error, LimitReached):
        logs.security("limit reached", level="warning", action=error.action, by=error.by)
    retry_at = getattr(error, "retry_at", None)
    if retry_at is not None:
        response.headers["Retry-After"] = http_date(retry_at)
    return response


def _http(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:
        return make_response(error.get_response())
    logs.bind(error=type(error).__name__)
    if request_ctx.url_adapter is None:
        # The host is not one of ours, so that no address of a page can be made either.
        return Response("This address can't be used here.\n", error.code, mimetype="text/plain")
    title, sentence = HTTP_WORDS.get(error.code, (error.name, error.description or ""))
    response = respond(Answer(error.code, title), sentence)
    for name in ("Allow", "Retry-After"):
        if value := error.get_response().headers.get(name):
            response.headers[name] = value
    return response


def _unknown(error: Exception) -> Response:
    logs.failure("a request broke", error)
    title, sentence = HTTP_WORDS[500]
    return respond(Answer(500, title), sentence)


def _log_outage(error: Exception) -> None:
    facts: dict[str, object] = {"reason": str(error)}
    if isinstance(error, DatabaseUnavailable):
        # One outage is one event, whoever runs into it.
        facts |= dict.fromkeys(("address", "user", "request", "route"))
    logs.event("not answered", level="warning", counted=True, **facts)


def respond(answer: Answer, sentence: str) -> Response:
    """Say it in the shape that the client asked for; a failure of ours with the request's id."""
    error_id = request_id() if answer.is_failure else None
    if wants_json():
        body = {"error": answer.title, "detail": sentence} | ({"id": error_id} if error_id else {})
        response = jsonify(body)
    else:
        template = "errors/fragment.html" if is_fragment_request() else "errors/page.html"
        response = make_response(
            _rendered(template, answer=answer, sentence=sentence, error_id=error_id)
        )
    response.status_code = answer.status
    return response


def _rendered(template: str, *, answer: Answer, **about: Any) -> str:
    """The page, in a bare frame when something is wrong with us: then nobody can ask who reads."""
    g.frame_is_bare = answer.is_failure
    try:
        return render_template(template, answer=answer, **about)
    except DatabaseUnavailable:
        g.frame_is_bare = True
        return render_template(template, answer=answer, **about)


def wants_json() -> bool:
    """Does the client prefer JSON to a page?"""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], "text/html")
    return best == "application/json" or request.path.startswith(FOR_MACHINES)


def is_fragment_request() -> bool:
    """Did htmx ask, for a part of a page?"""
    return "HX-Request" in request.headers and request.headers.get("HX-Request-Type") != "full"
