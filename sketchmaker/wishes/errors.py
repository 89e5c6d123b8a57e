"""What is refused about wishes. The text is a sentence for whoever asked or answers."""


class WishError(Exception):
    """Base of everything that is refused about wishes."""


class InvalidWish(WishError):
    """The sentence can't be used."""


class AlreadyWished(WishError):
    """The person has an open wish."""

    def __init__(self) -> None:
        super().__init__("You have asked already. An admin will answer.")


class WishAnswered(WishError):
    """There is no open wish of that number: it was answered or taken away with its person."""

    def __init__(self, wish_id: int) -> None:
        self.wish_id = wish_id
        super().__init__("This request has been answered already.")
