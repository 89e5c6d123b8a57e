from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from sketchmaker.credits.rows import ledger
from sketchmaker.credits.rules.errors import InsufficientCredits, NoActiveSubscription
from sketchmaker.limits.errors import LimitReached
from sketchmaker.studio import gallery, generations, offers
from sketchmaker.studio.errors import (
    CancelledTooLate,
    GenerationNotFound,
    ProviderFailed,
    RequestKeyReused,
    StudioBusy,
    TooManyGenerations,
)
from sketchmaker.studio.providers import Delivery, ImageOrder
from sketchmaker.studio.tables import Generation
from tests.studio.small_studio import Studio, deliver_all
from tests.support.people import assert_books_close


def test_asking_for_images_holds_their_credits_and_charges_nothing_yet(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person, count=3)
    assert generation.state == "queued"
    assert studio.balance(person) == (7, 3, 0)


def test_a_generation_remembers_what_was_asked_for(studio: Studio) -> None:
    generation = studio.reread(studio.ask(studio.person(), count=2, prompt="a tall ship"))
    assert (generation.prompt, generation.size) == ("a tall ship", "square")
    assert (generation.width, generation.height) == (1024, 1024)
    assert (generation.images_requested, generation.images_delivered) == (2, 0)
    assert generation.created_at == studio.clock.now()


def test_a_seed_is_drawn_unless_the_request_names_one(studio: Studio) -> None:
    person = studio.person()
    assert studio.ask(person).seed == 100
    assert studio.ask(person, seed=0).seed == 0


def test_the_same_key_is_answered_with_the_first_generation(studio: Studio) -> None:
    person = studio.person()
    first = studio.ask(person, count=2, key="sent twice")
    again = studio.ask(person, count=2, key="sent twice")
    assert again.id == first.id
    assert studio.balance(person) == (8, 2, 0)


def test_the_retry_that_comes_after_the_end_is_answered_too(studio: Studio) -> None:
    person = studio.person()
    first = studio.run(studio.ask(person, key="sent twice"))
    studio.later(days=9)
    assert studio.ask(person, key="sent twice").id == first.id
    assert studio.balance(person) == (9, 0, 1)


def test_the_retry_of_the_request_that_emptied_the_balance_is_answered(studio: Studio) -> None:
    person = studio.person()
    for _ in range(3):
        studio.run(studio.ask(person, count=3))
    last = studio.ask(person, key="the last credit")
    assert studio.balance(person) == (0, 1, 9)
    assert studio.ask(person, key="the last credit").id == last.id


def test_the_same_key_with_another_request_is_refused(studio: Studio) -> None:
    person = studio.person()
    studio.ask(person, key="k", count=1)
    for changed in ({"count": 2}, {"prompt": "something else"}, {"seed": 4}):
        with pytest.raises(RequestKeyReused):
            studio.ask(person, key="k", **changed)
    assert studio.balance(person) == (9, 1, 0)


def test_two_people_may_use_the_same_key(studio: Studio) -> None:
    first, second = studio.ask(studio.person(), key="k"), studio.ask(studio.person(), key="k")
    assert first.id != second.id


@pytest.mark.race
@pytest.mark.parametrize("count", [2, 4])
def test_a_request_sent_twelve_times_at_once_is_one_generation(studio: Studio, count: int) -> None:
    person = studio.person()
    for _ in range(2):
        studio.run(studio.ask(person, count=3))
    # With 4 credits left and 4 wanted the first of the twelve empties the balance.
    gate = Barrier(12)

    def send(_: int) -> int:
        gate.wait()
        return studio.ask(person, count=count, key="all at once").id

    with ThreadPoolExecutor(12) as pool:
        answers = set(pool.map(send, range(12)))
    assert len(answers) == 1
    assert studio.balance(person) == (4 - count, count, 6)


@pytest.mark.race
def test_no_more_than_four_generations_are_open_however_many_are_sent_at_once(
    studio: Studio,
) -> None:
    person = studio.person("premium")
    gate = Barrier(12)

    def send(_: int) -> bool:
        gate.wait()
        try:
            studio.ask(person)
        except TooManyGenerations:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(send, range(12))) == 4
    assert studio.balance(person) == (96, 4, 0)


def test_a_fifth_open_generation_is_refused_until_one_has_ended(studio: Studio) -> None:
    person = studio.person()
    opened = [studio.ask(person) for _ in range(4)]
    with pytest.raises(TooManyGenerations, match="4 generations are already in progress"):
        studio.ask(person)
    assert studio.balance(person) == (6, 4, 0)
    studio.run(opened[0])
    studio.ask(person)


def test_failing_costs_nothing_and_yet_can_not_be_done_without_end(studio: Studio) -> None:
    def fail(_: ImageOrder) -> Delivery:
        raise ProviderFailed("The provider is away.")

    studio.provider.script = fail
    person, stranger = studio.person(), studio.person()
    for _ in range(30):
        studio.run(studio.ask(person))
        studio.later(seconds=1)
    with pytest.raises(LimitReached, match="30 generations within a minute") as refused:
        studio.ask(person)
    assert studio.balance(person) == (10, 0, 0)
    studio.ask(stranger)
    studio.clock.set(refused.value.retry_at)
    studio.ask(person)


def test_a_request_beyond_the_balance_leaves_nothing_behind(studio: Studio) -> None:
    person = studio.person()
    for _ in range(3):
        studio.run(studio.ask(person, count=3))
    with pytest.raises(InsufficientCredits):
        studio.ask(person, count=2)
    assert studio.balance(person) == (1, 0, 9)
    with studio.database.reading() as session:
        assert generations.active_for_user(session, user_id=person) == []


def test_nobody_without_a_plan_gets_images(studio: Studio) -> None:
    studio.person()
    with pytest.raises(NoActiveSubscription):
        studio.ask(999)


def test_somebody_elses_generation_is_not_found(studio: Studio) -> None:
    owner, stranger = studio.person(), studio.person()
    generation = studio.ask(owner)
    with studio.database.reading() as session:
        found = generations.find(session, user_id=owner, public_id=generation.public_id)
        assert found.id == generation.id
        with pytest.raises(GenerationNotFound):
            generations.find(session, user_id=stranger, public_id=generation.public_id)


def test_open_generations_and_the_feed_are_ones_own_in_order(studio: Studio) -> None:
    person, stranger = studio.person(), studio.person()
    studio.ask(stranger)
    first, second, third = (studio.ask(person) for _ in range(3))
    studio.run(second)
    with studio.database.reading() as session:
        opened = generations.active_for_user(session, user_id=person)
        newest = generations.feed(session, user_id=person, now=studio.clock.now(), limit=2)
    assert [each.id for each in opened] == [first.id, third.id]
    assert [each.generation.id for each in newest] == [third.id, second.id]


def test_the_ledger_says_what_the_credits_were_for(studio: Studio) -> None:
    person = studio.person()
    generation: Generation = studio.run(studio.ask(person, count=2, prompt="a cat " * 50))
    with studio.database.reading() as session:
        row = ledger.recent(session, person, limit=1)[0]
    assert (row.action, row.credits_used) == ("images", 2)
    words = ledger.said_by_caller(row.details)
    assert words["generation"] == generation.public_id
    assert words["prompt"] == ("a cat " * 50)[:80]
    assert (words["images"], words["delivered"]) == (2, 2)


def cancel(studio: Studio, generation: Generation, *, by: int | None = None) -> Generation:
    with studio.database.transaction() as session:
        return generations.cancel(
            session,
            user_id=by or generation.user_id,
            public_id=generation.public_id,
            now=studio.clock.now(),
        )


def feed(studio: Studio, person: int) -> list[generations.FeedEntry]:
    with studio.database.reading() as session:
        return generations.feed(session, user_id=person, now=studio.clock.now())


def test_a_waiting_generation_can_be_cancelled_and_costs_nothing(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person, count=3)
    for _ in range(2):
        cancelled = cancel(studio, generation)
        assert (cancelled.state, cancelled.finished_at) == ("cancelled", studio.clock.now())
    assert studio.balance(person) == (10, 0, 0)
    assert studio.run(generation).state == "cancelled"
    assert studio.provider.orders == []
    assert feed(studio, person)[0].generation.failure_reason == (
        "You cancelled it. Nothing was charged."
    )
    assert_books_close(studio.database)


def test_what_has_been_drawn_can_not_be_cancelled(studio: Studio) -> None:
    person = studio.person()
    generation = studio.run(studio.ask(person))
    with pytest.raises(CancelledTooLate):
        cancel(studio, generation)
    assert studio.balance(person) == (9, 0, 1)


def test_somebody_elses_generation_can_not_be_cancelled(studio: Studio) -> None:
    generation = studio.ask(studio.person())
    with pytest.raises(GenerationNotFound):
        cancel(studio, generation, by=studio.person())
    assert studio.reread(generation).state == "queued"


@pytest.mark.race
def test_a_generation_is_cancelled_or_drawn_and_never_both(studio: Studio) -> None:
    person = studio.person("premium")
    for _ in range(10):
        generation = studio.ask(person)
        gate = Barrier(2)

        def draw(of: Generation = generation, gate: Barrier = gate) -> None:
            gate.wait()
            studio.new_worker().run(of.id)

        with ThreadPoolExecutor(1) as pool:
            drawing = pool.submit(draw)
            gate.wait()
            with suppress(CancelledTooLate):
                cancel(studio, generation)
            drawing.result()
        assert studio.reread(generation).state in {"cancelled", "succeeded"}
    drawn = len(studio.provider.orders)
    assert studio.balance(person) == (100 - drawn, 0, drawn)
    assert_books_close(studio.database)


def test_the_feed_has_the_images_that_are_left_and_the_place_in_the_queue(studio: Studio) -> None:
    person = studio.person()
    drawn = studio.run(studio.ask(person, count=3))
    with studio.database.transaction() as session:
        first = gallery.images_of(session, generation_id=drawn.id)[0]
        gallery.delete_image(session, user_id=person, public_id=first.public_id)
    second, third = studio.ask(person), studio.ask(person)
    entries = feed(studio, person)
    assert [(entry.generation.id, entry.place) for entry in entries] == [
        (third.id, 2),
        (second.id, 1),
        (drawn.id, None),
    ]
    assert [image.position for image in entries[2].images] == [1, 2]


def test_nobody_waits_for_all_that_somebody_else_has_ordered(studio: Studio) -> None:
    greedy, modest = studio.person(), studio.person()
    ordered = [studio.ask(greedy) for _ in range(3)]
    studio.later(seconds=1)
    single = studio.ask(modest)
    assert feed(studio, modest)[0].place == 2
    studio.run(ordered[0])
    assert feed(studio, modest)[0].place == 1
    with studio.database.reading() as session:
        assert generations.place_in_queue(session, single, now=studio.clock.now()) == 1
        assert generations.place_in_queue(session, ordered[1], now=studio.clock.now()) == 2
    studio.later(minutes=6)
    assert feed(studio, modest)[0].place == 2


@pytest.mark.parametrize("price", [1, 2, 7])
def test_the_price_is_fixed_when_the_order_is_placed(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, price: int
) -> None:
    person = studio.person("premium")
    monkeypatch.setattr(offers, "CREDITS_PER_IMAGE", price)
    whole, partly = studio.ask(person, count=3), studio.ask(person, count=4)
    assert (whole.price, partly.price) == (3 * price, 4 * price)
    assert studio.balance(person) == (100 - 7 * price, 7 * price, 0)
    monkeypatch.setattr(offers, "CREDITS_PER_IMAGE", 50)
    assert studio.run(whole).credits_used == 3 * price
    studio.provider.script = lambda order: deliver_all(replace(order, count=2))
    assert studio.run(partly).credits_used == 2 * price
    assert studio.balance(person) == (100 - 5 * price, 0, 5 * price)
    assert_books_close(studio.database)


def test_a_share_of_a_price_is_whole_credits_and_all_of_it_is_the_price() -> None:
    generation = Generation(price=10, images_requested=3)
    assert [generation.price_of(images) for images in range(4)] == [0, 3, 6, 10]


def two_foxes(studio: Studio, person: int, *, seed: int | None = None) -> Generation:
    return studio.ask(person, prompt="a red fox", count=2, seed=seed)


def test_a_double_click_is_one_order(studio: Studio) -> None:
    person = studio.person()
    first = two_foxes(studio, person)
    studio.later(seconds=1.9)
    assert two_foxes(studio, person).id == first.id
    assert studio.balance(person) == (8, 2, 0)
    studio.later(seconds=0.2)
    assert two_foxes(studio, person).id != first.id


def test_another_order_is_no_double_click(studio: Studio) -> None:
    person, other = studio.person(), studio.person()
    orders = [
        two_foxes(studio, person),
        studio.ask(person, prompt="a red fox", count=1),
        studio.ask(person, prompt="a grey fox", count=2),
        two_foxes(studio, person, seed=4),
        two_foxes(studio, other),
    ]
    assert len({order.id for order in orders}) == 5


def test_what_was_cancelled_can_be_ordered_again_at_once(studio: Studio) -> None:
    person = studio.person()
    first = cancel(studio, two_foxes(studio, person))
    assert two_foxes(studio, person).id != first.id


@pytest.mark.race
@pytest.mark.parametrize("count", [2, 4])
def test_twelve_clicks_at_once_are_one_order(studio: Studio, count: int) -> None:
    person = studio.person()
    studio.run(studio.ask(person, count=4))
    studio.run(studio.ask(person, count=2))
    gate = Barrier(12)

    def click(_: int) -> int:
        gate.wait()
        return studio.ask(person, count=count, prompt="a red fox").id

    with ThreadPoolExecutor(12) as pool:
        assert len(set(pool.map(click, range(12)))) == 1
    assert studio.balance(person) == (4 - count, count, 6)


def test_a_queue_longer_than_five_minutes_refuses_before_anything_is_held(studio: Studio) -> None:
    def take_forty_seconds(order: ImageOrder) -> Delivery:
        studio.later(seconds=40 * order.count)
        return deliver_all(order)

    studio.provider.script = take_forty_seconds
    studio.run(studio.ask(studio.person(), count=2))
    for count in (4, 3):
        studio.ask(studio.person(), count=count)
    person, key = studio.person(), "sent twice"
    queued = studio.ask(studio.person(), count=1, key=key)
    with pytest.raises(StudioBusy, match="about 5 minutes of work") as refused:
        studio.ask(person)
    assert refused.value.retry_at == studio.clock.now() + timedelta(seconds=20)
    assert studio.balance(person) == (10, 0, 0)
    assert studio.ask(queued.user_id, key=key, prompt=queued.prompt).id == queued.id
    studio.run(queued)
    studio.ask(person)
    assert_books_close(studio.database)
