from zoneinfo import ZoneInfo

import pytest

from sketchmaker.accounts.time_zones import find_time_zones, is_time_zone, time_zones


def test_only_names_of_the_iana_database_are_time_zones() -> None:
    assert is_time_zone("Europe/Berlin")
    assert is_time_zone("UTC")
    for name in ("", "Mars/Olympus", "../etc/passwd", "posix/UTC", "localtime", "europe/berlin"):
        assert not is_time_zone(name)


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("Berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("tokyo", "Asia/Tokyo"),
        ("kyiv", "Europe/Kyiv"),
        ("India", "Asia/Kolkata"),
        ("São Paulo", "America/Sao_Paulo"),
        ("sao paulo", "America/Sao_Paulo"),
        ("uk", "Europe/London"),
        ("Turkey", "Europe/Istanbul"),
        ("Singapore", "Asia/Singapore"),
        (" america/new york ", "America/New_York"),
        ("europe/berlin", "Europe/Berlin"),
        ("Asia/Calcutta", "Asia/Calcutta"),
        ("utc", "UTC"),
    ],
)
def test_a_time_zone_is_found_by_what_people_type(typed: str, zone: str) -> None:
    assert find_time_zones(typed) == (zone,)


def test_a_country_with_several_time_zones_gives_them_all() -> None:
    found = find_time_zones("Australia")
    assert {"Australia/Sydney", "Australia/Perth", "Australia/Adelaide"} <= set(found)


@pytest.mark.parametrize("typed", ["", "  ", "nowhere", "\0", "/", "Mars/Olympus"])
def test_what_names_no_place_finds_nothing(typed: str) -> None:
    assert find_time_zones(typed) == ()


def test_every_time_zone_with_a_place_in_its_name_is_found_by_it() -> None:
    for name in time_zones():
        if "/" in name:
            assert len(find_time_zones(name)) == 1
        assert all(ZoneInfo(found) for found in find_time_zones(name))
        assert find_time_zones(name)
