"""Which version of a plan somebody gets when: held against the rule in plain words."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sketchmaker.credits.rules.instants import EARLIEST, LATEST
from sketchmaker.credits.rules.plan_terms import NEWCOMER, Term, terms_of

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Given:
    number: int
    for_everybody: bool
    starts_at: datetime


def version(number: int, day: int, *, for_everybody: bool = True) -> Given:
    return Given(number, for_everybody, START + day * DAY)


FIRST = Given(1, for_everybody=True, starts_at=EARLIEST)


def numbers(terms: list[Term], held: int, *days: int) -> list[int]:
    """Which version is got at each of these days by who holds this one."""
    return [in_effect(terms, held, START + day * DAY) for day in days]


def in_effect(terms: list[Term], held: int, at: datetime) -> int:
    found = [t.number for t in terms if t.held == held and t.starts_at <= at < t.ends_at]
    assert len(found) == 1, (held, at, found)
    return found[0]


def test_a_version_for_everybody_takes_effect_at_its_instant() -> None:
    terms = terms_of([FIRST, version(2, 5)])
    assert numbers(terms, 1, 4, 5, 6) == [1, 2, 2]
    assert numbers(terms, NEWCOMER, 4, 5) == [1, 2]


def test_a_version_for_newcomers_leaves_those_who_are_there_until_one_is_for_everybody() -> None:
    terms = terms_of([FIRST, version(2, 5, for_everybody=False), version(3, 9)])
    assert numbers(terms, NEWCOMER, 4, 5, 9) == [1, 2, 3]
    assert numbers(terms, 1, 4, 5, 8, 9) == [1, 1, 1, 3]
    assert numbers(terms, 2, 6, 9) == [2, 3]


def test_an_edit_before_a_planned_one_is_followed_by_it() -> None:
    terms = terms_of([FIRST, version(2, 9), version(3, 5)])
    assert numbers(terms, 1, 4, 5, 9) == [1, 3, 2]


def test_of_two_at_one_instant_the_later_edit_counts() -> None:
    terms = terms_of([FIRST, version(2, 5), version(3, 5)])
    assert numbers(terms, 1, 4, 5) == [1, 3]
    assert numbers(terms, 2, 5) == [3]


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.booleans()),
        max_size=6,
    ),
    st.integers(-1, 10),
)
def test_terms_say_what_the_rule_says_at_every_instant(
    edits: list[tuple[int, bool]], day: int
) -> None:
    later = [
        version(place + 2, start, for_everybody=everybody)
        for place, (start, everybody) in enumerate(edits)
    ]
    versions, at = [FIRST, *later], START + day * DAY
    terms = terms_of(versions)

    begun = sorted((v.starts_at, v.number, v) for v in versions if v.starts_at <= at)
    assert in_effect(terms, NEWCOMER, at) == begun[-1][1]
    for held in versions:
        newer = [
            number
            for start, number, v in begun
            if v.for_everybody and (start, number) > (held.starts_at, held.number)
        ]
        assert in_effect(terms, held.number, at) == (newer[-1] if newer else held.number)
    assert {term.starts_at for term in terms if term.starts_at == EARLIEST}
    assert max(term.ends_at for term in terms) == LATEST
