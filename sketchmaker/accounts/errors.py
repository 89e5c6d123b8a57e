"""What can go wrong with an account, each said in a sentence that helps."""


class AccountError(Exception):
    """Anything that the accounts context refuses."""


class InvalidRegistration(AccountError):
    """Some fields can't be accepted: `problems` has one sentence for each, by field name."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        super().__init__(" ".join(problems.values()))


class UsernameTaken(AccountError):
    """Somebody has this username already, in whatever capitals."""

    def __init__(self, username: str) -> None:
        self.username = username
        super().__init__(f"The username “{username}” is taken. Choose another one.")


class EmailTaken(AccountError):
    """There is an account with this e-mail address already."""

    def __init__(self, email: str) -> None:
        self.email = email
        super().__init__(f"There is an account for {email} already. Sign in instead.")


class WrongCredentials(AccountError):
    """No such account, or not its password: on purpose nobody is told which."""

    def __init__(self) -> None:
        super().__init__("That username or e-mail and password don't match. Check both.")


class AccountDeactivated(AccountError):
    """The password was right, but the account is switched off."""

    def __init__(self) -> None:
        super().__init__("This account is deactivated. Ask an admin to activate it again.")


class WrongCurrentPassword(AccountError):
    """A change of password without the one in force."""

    def __init__(self) -> None:
        super().__init__("That is not your current password. Nothing was changed.")


class UnacceptablePassword(AccountError):
    """A new password that is too short, too long or too easily guessed; `problem` says which."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


class UnusableEmail(AccountError):
    """Not an e-mail address that anybody could have; `problem` says why."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


class UnknownTimeZone(AccountError):
    """Not a name in the IANA time zone database."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"There is no time zone “{name}”. Choose one from the list, such as Europe/Berlin."
        )


class SignInSessionNotFound(AccountError):
    """The person has no open sign-in session of that number."""

    def __init__(self, session_id: int) -> None:
        self.session_id = session_id
        super().__init__("That device is signed out already.")


class UserNotFound(AccountError):
    """Nobody has that number."""

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        super().__init__(f"There is no user {user_id}.")


class LastSuperadmin(AccountError):
    """The only active superadmin would be gone, and nobody could make another one."""

    def __init__(self) -> None:
        super().__init__("This is the only active superadmin. Make somebody else superadmin first.")


class AlreadySo(AccountError):
    """The account is as it should become; the text says how."""


class ResetLinkInvalid(AccountError):
    """A link for a new password that was used, has expired, or never was one."""

    def __init__(self) -> None:
        super().__init__("This link was used already or has expired. Ask for a new one.")


class ConfirmationLinkInvalid(AccountError):
    """A link to confirm an address that belongs to no account, or to another address."""

    def __init__(self) -> None:
        super().__init__("This link confirms no address. Sign in and have a new one sent.")


class LoginNotFound(AccountError):
    """Nobody has this username or e-mail address."""

    def __init__(self, login: str) -> None:
        self.login = login
        super().__init__(f"There is no user “{login}”.")
