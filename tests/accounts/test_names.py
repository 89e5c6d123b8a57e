import pytest

from sketchmaker.accounts import names


@pytest.mark.parametrize("username", ["ada", "Ada.Lovelace", "7of9", "a-b_c.d", "x" * 30])
def test_a_plain_username_can_be_used(username: str) -> None:
    assert names.username_problem(username) is None


@pytest.mark.parametrize(
    "username",
    ["", "ab", "x" * 31, ".ada", "-ada", "_ada", "a da", "ada@x", "\u0430da", "ada\n", "ada\0"],
)
def test_a_username_that_could_be_mistaken_or_misread_is_refused(username: str) -> None:
    assert names.username_problem(username)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" Ada@Example.ORG ", "Ada@example.org"),
        ("admin@localhost", "admin@localhost"),
        ("admin@sketchmaker.local", "admin@sketchmaker.local"),
        ("ada@studio.test", "ada@studio.test"),
        ("grüße@bücher.example", "grüße@bücher.example"),
    ],
)
def test_an_address_is_kept_in_its_normal_form(text: str, address: str) -> None:
    assert names.read_email(text) == (address, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@gmail",
        "a b@example.org",
        "ada@x.invalid",
        "ada@[10.0.0.1]",
        "ada\0@example.org",
        "ada@-x.org",
        "Ada <ada@example.org>",
        f"{'x' * 250}@example.org",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    problem = names.read_email(text)[1]
    assert problem is not None
    assert problem.endswith(".")


@pytest.mark.parametrize(
    "username", ["root", "System", "admin.", "super_admin", "support", "deleted", "Deleted-331"]
)
def test_names_of_the_house_and_of_the_departed_are_reserved(username: str) -> None:
    assert names.is_reserved(username)


@pytest.mark.parametrize("username", ["ada", "rooted", "admira", "helper", "deleter"])
def test_other_names_are_not(username: str) -> None:
    assert not names.is_reserved(username)


@pytest.mark.parametrize(
    "email",
    ["a.da+credits@GMail.com", "ada@googlemail.com", "ADA+1@gmail.com"],
)
def test_addresses_of_one_mailbox_are_known_as_one(email: str) -> None:
    assert names.mailbox(email) == "ada@gmail.com"


def test_dots_count_where_they_make_another_mailbox() -> None:
    assert names.mailbox("a.da+x@example.org") == "a.da@example.org"


def test_names_are_the_same_in_other_capitals_and_widths() -> None:
    assert names.key(" Ada ") == names.key("\uff41\uff44\uff41") == "ada"
    assert names.key("STRASSE@X.DE") == names.key("straße@x.de")
