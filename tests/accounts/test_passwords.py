import pytest
from argon2 import PasswordHasher

from sketchmaker.accounts import passwords


def test_a_password_is_verified_by_its_hash_and_no_other_is() -> None:
    kept = passwords.hash_password("a cloud over the lake")
    assert passwords.verify_password(kept, "a cloud over the lake")
    assert not passwords.verify_password(kept, "a cloud over the sea")


def test_hashes_follow_the_chosen_argon2_profile_and_never_repeat() -> None:
    first, second = (passwords.hash_password("a cloud over the lake") for _ in range(2))
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second


def test_nobody_has_the_password_of_an_account_that_does_not_exist() -> None:
    assert not passwords.verify_password(None, "no account has this password")


def test_a_hash_that_is_none_of_ours_matches_nothing() -> None:
    assert not passwords.verify_password("scrypt:32768:8:1$x$00", "a cloud over the lake")
    assert not passwords.verify_password("", "a cloud over the lake")


def test_composed_and_decomposed_letters_are_the_same_password() -> None:
    assert passwords.verify_password(
        passwords.hash_password("cafe\u0301 au lait"), "caf\u00e9 au lait"
    )


def test_nothing_longer_than_the_longest_password_matches_by_its_beginning() -> None:
    longest = "x1y2z3w4" * 25
    kept = passwords.hash_password(longest)
    assert passwords.verify_password(kept, longest)
    assert not passwords.verify_password(kept, longest + "!")


def test_a_hash_made_at_other_costs_is_outdated() -> None:
    cheap = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("whatever it was")
    assert passwords.is_outdated(cheap)
    assert not passwords.is_outdated(passwords.hash_password("whatever it was"))


@pytest.mark.parametrize("length", [0, 9, 201])
def test_a_password_outside_10_to_200_characters_is_refused(length: int) -> None:
    assert passwords.check_strength(("ab3Xk!9qLz" * 21)[:length])


@pytest.mark.parametrize(
    "password",
    [
        "password123",
        "Password1234!",
        "P@ssw0rd2024",
        "PASSWORDPASSWORD",
        "1234567890",
        "0987654321",
        "qwertyuiop",
        "poiuytrewq",
        "abcdefghijkl",
        "1q2w3e4r5t",
        "aaaaaaaaaaaa",
        "1212121212",
        "Sketchmaker1",
        "!!Administrator",
        "ILoveYou2026!",
    ],
)
def test_what_everybody_tries_first_is_refused(password: str) -> None:
    problem = passwords.check_strength(password)
    assert problem is not None
    assert "guessed" in problem


@pytest.mark.parametrize(
    "password",
    ["a cloud over the lake", "oatmeal-tractor-nine", "kT7#vQz2pL", "8264019375", "песня без слов"],
)
def test_length_is_enough_without_capitals_digits_or_signs(password: str) -> None:
    assert passwords.check_strength(password, username="ada", email="ada@example.org") is None


@pytest.mark.parametrize(
    "password",
    [
        "Ada.Lovelace",
        "COUNTESS.OF.L@example.org",
        "countess.of.l",
        "adalovelace-1234567890",
        "ada.lovelace/ada.lovelace",
    ],
)
def test_ones_own_name_or_address_is_no_password(password: str) -> None:
    problem = passwords.check_strength(
        password, username="ada.lovelace", email="Countess.of.L@example.org"
    )
    assert problem is not None
    assert "own name" in problem


def test_a_short_name_said_three_times_is_no_password_either() -> None:
    problem = passwords.check_strength("mara-mara-mara", username="mara", email="m@example.org")
    assert problem is not None
    assert "own name" in problem


def test_a_name_among_other_words_may_be_in_a_password() -> None:
    assert passwords.check_strength("mara likes wet herons", username="mara") is None


@pytest.mark.parametrize(
    "password",
    [
        "!QAZ2wsx#EDC",
        "qazwsxedcrfv",
        "147258369a",
        "aa123456789",
        "trustno1trustno1",
        "football123",
    ],
)
def test_well_known_passwords_of_ten_letters_and_more_are_refused(password: str) -> None:
    assert passwords.check_strength(password)
