"""What can go wrong when a plan is edited. Everything else that is refused is in `errors`."""

from collections.abc import Mapping

from sketchmaker.credits.rules.errors import CreditError


class InvalidFeatures(CreditError):
    """Some features can't be accepted: `problems` has one sentence for each, by feature name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__(" ".join(problems.values()))
