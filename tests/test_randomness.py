"""What chance makes."""

from sketchmaker import randomness


def test_a_password_begins_with_nothing_that_a_shell_or_a_command_minds() -> None:
    assert all(randomness.password().isalnum() for _ in range(500))
