"""Time zones: their names, and what people call them."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from zoneinfo import available_timezones

_NOT_PLACES = ("posix/", "right/", "SystemV/")
_NOT_NAMES = frozenset({"localtime", "posixrules", "Factory"})
# What people say and no list of countries does.
_ALSO_CALLED = (
    ("US", "USA"),
    ("US", "US"),
    ("US", "America"),
    ("GB", "UK"),
    ("GB", "Great Britain"),
    ("GB", "England"),
    ("KR", "South Korea"),
    ("CZ", "Czechia"),
    ("TR", "Türkiye"),
)


@cache
def time_zones() -> tuple[str, ...]:
    """Every IANA time zone name a person can choose, sorted."""
    names = available_timezones() - _NOT_NAMES
    return tuple(sorted(name for name in names if not name.startswith(_NOT_PLACES)))


def is_time_zone(name: str) -> bool:
    """Whether `name` is in the IANA time zone database."""
    return name in time_zones()


def find_time_zones(text: str) -> tuple[str, ...]:
    """The zones that a person may mean: by full name, city or country.

    `Europe/Berlin`, `berlin`, `New York`, `kyiv` and `India` give one each, `Australia` several,
    and what names no place gives none.
    """
    wanted = _plain(text)
    places = _by_place().get(wanted, ())
    exact = tuple(name for name in time_zones() if wanted and _plain(name) == wanted)
    return _current(places) or exact or places


@cache
def _by_place() -> Mapping[str, tuple[str, ...]]:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for place, zone in [*_cities(), *_countries()]:
        places[place].append(zone)
    return {place: tuple(dict.fromkeys(zones)) for place, zones in places.items()}


def _current(zones: tuple[str, ...]) -> tuple[str, ...]:
    """Without old spellings, which are kept for old data only (`Turkey`, `Asia/Calcutta`)."""
    current = {zone for _, zone in _zones_by_country()}
    return tuple(zone for zone in zones if zone in current)


def _cities() -> Iterator[tuple[str, str]]:
    for zone in time_zones():
        yield _plain(zone.rpartition("/")[2]), zone


def _countries() -> Iterator[tuple[str, str]]:
    called = [*((code, name) for code, name in _rows("iso3166.tab")), *_ALSO_CALLED]
    for code, name in called:
        for zone_code, zone in _zones_by_country():
            if zone_code == code:
                yield _plain(name), zone


@cache
def _zones_by_country() -> tuple[tuple[str, str], ...]:
    known = set(time_zones())
    rows = ((row[0], row[2]) for row in _rows("zone.tab"))
    return tuple((code, zone) for code, zone in rows if zone in known)


def _rows(name: str) -> list[list[str]]:
    """The rows of one of the tables that come with the time zone database."""
    text = files("tzdata").joinpath("zoneinfo", name).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def _plain(text: str) -> str:
    """Without accents, capitals, and with one kind of space: `São Paulo` is `sao paulo`."""
    letters = unicodedata.normalize("NFKD", text.strip().casefold().replace("_", " "))
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())
