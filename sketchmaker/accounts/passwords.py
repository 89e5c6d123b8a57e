"""Passwords: how they are hashed, checked, and which are refused.

Hashing is slow on purpose (about 30 ms and 19 MiB): never call it inside a transaction.
"""

import re
import unicodedata
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sketchmaker.accounts import names

SHORTEST, LONGEST = 10, 200
_FEWEST_DISTINCT = 4

# Argon2id with 19 MiB, two passes, one lane: a profile that OWASP's password cheat sheet advises.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

_COMMON_FILE = Path(__file__).with_name("common_passwords.txt")
_PADDING = re.compile(r"[\W\d_]{0,6}(.+?)[\W\d_]{0,6}")
_SEPARATORS = re.compile(r"[\W_]+")
_LOOKALIKES = str.maketrans("013457@$!", "oieastasi")
_UNSHIFTED = str.maketrans("!@#$%^&*()", "1234567890")
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890123456789", "qwertyuiopasdfghjklzxcvbnm")


def hash_password(password: str) -> str:
    """The hash to keep in place of a password. Slow."""
    return _HASHER.hash(_normal(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether this is the password that was hashed. Slow, and as slow with no hash to compare.

    `None` stands for an account that does not exist: the same work is done and the answer is no,
    so that the time taken tells nobody who has an account.
    """
    try:
        _HASHER.verify(password_hash or _nobodys_hash(), _normal(password)[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None and len(password) <= LONGEST


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with other costs than today's and should be made anew."""
    return _HASHER.check_needs_rehash(password_hash)


def check_strength(password: str, *, username: str = "", email: str = "") -> str | None:
    """What is wrong with a new password, as a sentence; None when it can be used.

    Length counts, and not being what everybody tries first; capitals and digits are not demanded.
    """
    if len(password) < SHORTEST:
        return f"Use at least {SHORTEST} characters. A few words in a row are easy to remember."
    if len(password) > LONGEST:
        return f"Use at most {LONGEST} characters."
    folded = names.key(password)
    own = {names.key(name) for name in (username, email, email.partition("@")[0]) if name}
    if _is_made_of(own, folded):
        return "Don't use your own name or e-mail address as the password."
    if _is_guessed_first(folded):
        return "This password is one of the first that are guessed. Choose another one."
    return None


def _is_made_of(own: set[str], folded: str) -> bool:
    """Whether the password is the person's own name, or that with little around it."""
    if folded in own:
        return True
    rest = whole = _SEPARATORS.sub("", folded)
    for name in sorted((_SEPARATORS.sub("", name) for name in own), key=len, reverse=True):
        rest = rest.replace(name, "") if name else rest
    return rest != whole and (len(rest) < _FEWEST_DISTINCT or _is_guessed_first(rest))


def _is_guessed_first(folded: str) -> bool:
    if len(set(folded)) < _FEWEST_DISTINCT:
        return True
    if any(folded in run or folded in run[::-1] for run in _RUNS):
        return True
    return bool(_shapes(folded) & _common())


def _shapes(folded: str) -> set[str]:
    """The password itself, and what is left of it without the usual disguises."""
    core = match[1] if (match := _PADDING.fullmatch(folded)) else folded
    plain = core.translate(_LOOKALIKES)
    half = folded[: len(folded) // 2]
    shapes = {folded, core, plain, folded.translate(_LOOKALIKES), folded.translate(_UNSHIFTED)}
    return shapes | {half} if half * 2 == folded else shapes


@cache
def _common() -> frozenset[str]:
    lines = _COMMON_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(line.strip() for line in lines if line and not line.startswith("#"))


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("no account has this password")


def _normal(password: str) -> str:
    # The same letters typed on another keyboard may arrive composed differently.
    return unicodedata.normalize("NFKC", password)
