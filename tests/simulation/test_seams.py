"""Bugs are planted where the product really is, and taken out again."""

import pytest

from sketchmaker.credits.rules.cycle import cycle_start
from sketchmaker.credits.spending import holds
from tests.simulation import seams
from tests.simulation.bugs import Bug, all_bugs


def test_a_part_is_found_by_its_name_alone() -> None:
    assert seams.part("release_expired") is holds.release_expired
    assert seams.part("cycle_start") is cycle_start


def test_every_module_that_imported_a_part_is_named() -> None:
    owners = {owner.__name__ for owner, _ in seams.places_of("cycle_start")}
    assert {"sketchmaker.credits.rules.cycle", "sketchmaker.credits.rows.state"} <= owners


def test_a_member_is_found_on_its_class() -> None:
    (owner, member), *others = seams.places_of("Balance.on_allowance")
    assert (owner.__name__, member, others) == ("Balance", "on_allowance", [])


def test_a_private_name_is_no_seam() -> None:
    with pytest.raises(ValueError, match="private"):
        seams.places_of("_burn_key")


def test_a_name_that_is_gone_is_told() -> None:
    with pytest.raises(LookupError, match="nowhere"):
        seams.part("release_everything")


@pytest.mark.parametrize("bug", all_bugs(), ids=lambda bug: bug.name)
def test_every_bug_finds_its_place(bug: Bug) -> None:
    with bug.planted():
        pass
