"""A Flask application that answers a request again when its transaction lost a race.

PostgreSQL undoes one of two transactions that wait for each other. Nothing of it is left, so the
view is run again from its beginning, and nobody is told to come back because of somebody else.
"""

from flask import Flask
from flask.typing import ResponseReturnValue

from sketchmaker.database import LostRace, retrying
from sketchmaker.web.frame import request_scope
from sketchmaker.web.frame.parts import parts


class RetryingApp(Flask):
    """Flask, but for views that lost a race before they committed anything."""

    def dispatch_request(self) -> ResponseReturnValue:
        """Run the view; again, when it lost a race and has left nothing behind."""
        database = parts().database
        before = database.commits_of_this_thread

        def attempt() -> ResponseReturnValue | LostRace:
            try:
                return super(RetryingApp, self).dispatch_request()
            except LostRace as lost:
                # What one transaction of this view has committed must not be done twice.
                if database.commits_of_this_thread != before:
                    return lost
                request_scope.begin_again()
                raise

        answer = retrying(attempt)
        if isinstance(answer, LostRace):
            raise answer
        return answer
