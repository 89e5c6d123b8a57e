import logging
from datetime import timedelta
from threading import Barrier, Event, Thread

import pytest

from sketchmaker.credits import holds, ledger
from sketchmaker.credits.explanations import explain
from sketchmaker.database import DatabaseUnavailable
from sketchmaker.studio import runs
from sketchmaker.studio.errors import ProviderFailed
from sketchmaker.studio.gallery import images_of
from sketchmaker.studio.providers import Delivery, ImageOrder, Picture
from sketchmaker.studio.tables import Generation, Image
from sketchmaker.studio.worker import LEASE
from tests.studio.small_studio import Studio, a_picture, deliver_all


def images(studio: Studio, generation: Generation) -> list[Image]:
    with studio.database.reading() as session:
        return images_of(session, generation_id=generation.id)


def claim(studio: Studio, generation: Generation) -> Generation | None:
    with studio.database.transaction() as session:
        return runs.claim(session, generation_id=generation.id, now=studio.clock.now(), lease=LEASE)


def last_explanation(studio: Studio, person: int) -> str:
    with studio.database.reading() as session:
        return explain(ledger.recent(session, person, limit=1)[0])


def test_delivered_images_are_charged_stored_and_in_order(studio: Studio) -> None:
    person = studio.person()
    generation = studio.run(studio.ask(person, count=3))
    assert (generation.state, generation.images_delivered) == ("succeeded", 3)
    assert generation.failure_reason is None
    assert studio.balance(person) == (7, 0, 3)
    made = images(studio, generation)
    assert [(image.position, image.seed) for image in made] == [(0, 100), (1, 101), (2, 102)]
    for image in made:
        assert studio.store.path(image.file_name).stat().st_size == image.byte_count
        assert studio.store.path(image.thumbnail_name).exists()
    assert len(studio.files()) == 6


def test_the_provider_gets_exactly_what_was_charged(studio: Studio) -> None:
    generation = studio.run(studio.ask(studio.person(), count=4, prompt="two herons"))
    (order,) = studio.provider.orders
    assert order == ImageOrder(
        generation.public_id, "scripted", "two herons", 1024, 1024, count=4, seed=100
    )


def fail_by_raising(_order: ImageOrder) -> Delivery:
    raise ProviderFailed("The provider is out of paint.")


def fail_by_returning(_order: ImageOrder) -> Delivery:
    return Delivery((), "The provider is out of paint.")


@pytest.mark.parametrize("script", [fail_by_raising, fail_by_returning])
def test_a_failed_generation_costs_nothing_and_says_why(studio: Studio, script: object) -> None:
    studio.provider.script = script  # type: ignore[assignment]
    person = studio.person()
    generation = studio.run(studio.ask(person, count=3))
    assert (generation.state, generation.images_delivered) == ("failed", 0)
    assert generation.failure_reason == "The provider is out of paint. Nothing was charged."
    assert studio.balance(person) == (10, 0, 0)
    assert last_explanation(studio, person) == "Nothing was charged. The provider is out of paint."
    assert images(studio, generation) == []


def partly_by_raising(order: ImageOrder) -> Delivery:
    raise ProviderFailed("It broke after two", deliver_all(order).pictures[:2])


def partly_by_returning(order: ImageOrder) -> Delivery:
    return Delivery(deliver_all(order).pictures[:2], "It broke after two")


@pytest.mark.parametrize("script", [partly_by_raising, partly_by_returning])
def test_a_partial_delivery_is_charged_for_what_was_delivered(
    studio: Studio, script: object
) -> None:
    studio.provider.script = script  # type: ignore[assignment]
    person = studio.person()
    generation = studio.run(studio.ask(person, count=3))
    assert (generation.state, generation.images_delivered) == ("succeeded", 2)
    assert generation.failure_reason == (
        "It broke after two. Only 2 of 3 images were made and charged."
    )
    assert studio.balance(person) == (8, 0, 2)
    assert len(images(studio, generation)) == 2


def test_a_provider_that_delivers_nothing_and_is_silent_about_it_costs_nothing(
    studio: Studio,
) -> None:
    studio.provider.script = lambda _order: Delivery(())
    person = studio.person()
    assert studio.run(studio.ask(person)).state == "failed"
    assert studio.balance(person) == (10, 0, 0)


def test_a_provider_that_delivers_too_much_is_not_paid_for_it(studio: Studio) -> None:
    studio.provider.script = lambda _order: Delivery(tuple(a_picture(n) for n in range(4)))
    person = studio.person()
    generation = studio.run(studio.ask(person, count=2))
    assert (generation.images_delivered, generation.failure_reason) == (2, None)
    assert studio.balance(person) == (8, 0, 2)
    assert len(studio.files()) == 4


def test_a_picture_that_is_none_is_not_charged(studio: Studio) -> None:
    studio.provider.script = lambda _order: Delivery((a_picture(), Picture(b"<html>oops", 3)))
    person = studio.person()
    generation = studio.run(studio.ask(person, count=2))
    assert (generation.state, generation.images_delivered) == ("succeeded", 1)
    assert "can't be used" in str(generation.failure_reason)
    assert studio.balance(person) == (9, 0, 1)


def test_a_provider_that_crashes_costs_nothing_and_leaves_a_traceback(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    person = studio.person()
    with caplog.at_level(logging.ERROR):
        generation = studio.run(studio.ask(person, prompt="sandbox:crash", provider="sandbox"))
    assert generation.failure_reason == "Something went wrong while drawing. Nothing was charged."
    assert studio.balance(person) == (10, 0, 0)
    assert any(record.exc_info for record in caplog.records)


def test_an_unknown_provider_costs_nothing(studio: Studio) -> None:
    person = studio.person()
    generation = studio.run(studio.ask(person, provider="of yesterday"))
    assert generation.state == "failed"
    assert studio.balance(person) == (10, 0, 0)


def test_a_full_disk_costs_nothing(studio: Studio, caplog: pytest.LogCaptureFixture) -> None:
    studio.folder.write_text("a file where the folder should be")
    person = studio.person()
    with caplog.at_level(logging.CRITICAL):
        generation = studio.run(studio.ask(person))
    assert generation.failure_reason == "The images could not be stored. Nothing was charged."
    assert studio.balance(person) == (10, 0, 0)


@pytest.mark.parametrize(
    ("prompt", "state", "balance"),
    [
        ("a quiet lake", "succeeded", (8, 0, 2)),
        ("sandbox:partial", "succeeded", (9, 0, 1)),
        ("sandbox:fail", "failed", (10, 0, 0)),
        ("sandbox:slow", "succeeded", (8, 0, 2)),
    ],
)
def test_the_sandbox_is_charged_like_any_provider(
    studio: Studio, prompt: str, state: str, balance: tuple[int, int, int]
) -> None:
    person = studio.person()
    generation = studio.run(studio.ask(person, count=2, prompt=prompt, provider="sandbox"))
    assert generation.state == state
    assert studio.balance(person) == balance


def test_progress_can_be_read_while_the_provider_works(studio: Studio) -> None:
    seen: list[tuple[str, int]] = []
    person = studio.person()

    def draw_slowly(seconds: float) -> None:
        studio.clock.advance(timedelta(seconds=seconds))
        now = studio.reread(generation)
        seen.append((now.state, now.images_drawn))

    generation = studio.ask(person, count=3, prompt="sandbox:slow", provider="sandbox")
    studio.worker = studio.new_worker(pause=draw_slowly)
    studio.run(generation)
    assert seen == [("running", 0), ("running", 1), ("running", 2)]


def test_every_finished_picture_prolongs_the_lease(studio: Studio) -> None:
    generation = studio.ask(studio.person())
    claim(studio, generation)
    studio.later(minutes=9)
    with studio.database.transaction() as session:
        runs.note_progress(
            session,
            generation_id=generation.id,
            images_drawn=1,
            now=studio.clock.now(),
            lease=LEASE,
        )
    studio.later(minutes=9)
    assert studio.worker.recover(studio.clock.now()).failed == 0
    studio.later(minutes=1)
    assert studio.worker.recover(studio.clock.now()).failed == 1


@pytest.mark.race
def test_of_ten_workers_that_take_up_a_generation_one_runs_it(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person)
    gate = Barrier(10)

    def run() -> None:
        gate.wait()
        studio.new_worker().run(generation.id)

    threads = [Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(studio.provider.orders) == 1
    assert studio.balance(person) == (9, 0, 1)
    assert len(studio.files()) == 2


def test_a_worker_that_died_gives_the_credits_back_when_its_lease_passes(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person, count=4)
    assert claim(studio, generation) is not None
    studio.later(minutes=9, seconds=59)
    assert studio.worker.recover(studio.clock.now()).failed == 0
    assert studio.balance(person) == (6, 4, 0)
    studio.later(seconds=1)
    assert studio.worker.recover(studio.clock.now()).failed == 1
    dead = studio.reread(generation)
    assert dead.failure_reason == "The studio was interrupted. Nothing was charged."
    assert studio.balance(person) == (10, 0, 0)


def test_a_result_that_comes_after_its_lease_passed_is_thrown_away(studio: Studio) -> None:
    person = studio.person()

    def dawdle(order: ImageOrder) -> Delivery:
        studio.later(minutes=11)
        studio.worker.recover(studio.clock.now())
        return deliver_all(order)

    studio.provider.script = dawdle
    generation = studio.run(studio.ask(person))
    assert (generation.state, generation.images_delivered) == ("failed", 0)
    assert studio.balance(person) == (10, 0, 0)
    assert images(studio, generation) == []
    assert studio.files() == []


def test_a_result_that_comes_after_its_hold_expired_is_neither_given_nor_charged(
    studio: Studio,
) -> None:
    person = studio.person()

    def dawdle(order: ImageOrder) -> Delivery:
        studio.later(hours=2)
        with studio.database.transaction() as session:
            assert holds.release_expired(session, now=studio.clock.now()) == 1
        return deliver_all(order)

    studio.provider.script = dawdle
    generation = studio.run(studio.ask(person, count=2))
    assert generation.state == "failed"
    assert "came too late" in str(generation.failure_reason)
    assert studio.balance(person) == (10, 0, 0)
    assert images(studio, generation) == []
    assert studio.files() == []


def test_a_generation_that_runs_across_a_reset_costs_the_new_month_nothing(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person, count=3)
    studio.later(minutes=1)

    def until_next_month(order: ImageOrder) -> Delivery:
        studio.clock.set(studio.statement(person).next_reset)
        return deliver_all(order)

    studio.provider.script = until_next_month
    assert studio.run(generation).state == "succeeded"
    assert studio.balance(person) == (10, 0, 0)
    assert len(images(studio, generation)) == 3


def test_finishing_twice_charges_once_and_keeps_the_files(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person)
    claim(studio, generation)
    picture = runs.FinishedPicture("image-1", 100, studio.store.save(a_picture().content))
    for _ in range(2):
        with studio.database.transaction() as session:
            kept = runs.finish(
                session,
                generation_id=generation.id,
                pictures=[picture],
                failure=None,
                now=studio.clock.now(),
            )
            assert [image.public_id for image in kept] == ["image-1"]
    assert studio.balance(person) == (9, 0, 1)


def test_an_outage_at_the_end_is_sat_out(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    person = studio.person()
    generation = studio.ask(person)
    transaction, outages = studio.database.transaction, iter([1, 2, 3])

    def deliver_into_an_outage(order: ImageOrder) -> Delivery:
        monkeypatch.setattr(studio.database, "transaction", broken)
        return deliver_all(order)

    def broken() -> object:
        if next(outages, None) is None:
            return transaction()
        raise DatabaseUnavailable("it is being restarted")

    studio.provider.script = deliver_into_an_outage
    assert studio.run(generation).state == "succeeded"
    assert studio.balance(person) == (9, 0, 1)
    assert len(studio.files()) == 2


def test_a_started_worker_runs_what_it_is_given_and_waits_for_it_at_shutdown(
    studio: Studio,
) -> None:
    person = studio.person()
    studio.worker.start()
    given = [studio.ask(person, count=2) for _ in range(3)]
    for generation in given:
        assert studio.worker.submit(generation.id)
    for generation in given:
        studio.wait_until_finished(generation)
    studio.worker.shutdown()
    assert studio.balance(person) == (4, 0, 6)


def test_shutdown_leaves_what_waits_to_others(studio: Studio) -> None:
    begun, go_on = Event(), Event()

    def wait(order: ImageOrder) -> Delivery:
        begun.set()
        go_on.wait(10)
        return deliver_all(order)

    studio.provider.script = wait
    person = studio.person()
    at_work, waits = studio.ask(person), studio.ask(person)
    worker = studio.new_worker(threads=1)
    worker.start()
    worker.submit(at_work.id)
    worker.submit(waits.id)
    assert begun.wait(10)
    ending = Thread(target=worker.shutdown)
    ending.start()
    go_on.set()
    ending.join()
    assert studio.reread(at_work).state == "succeeded"
    assert studio.reread(waits).state == "queued"
    assert not worker.submit(waits.id)


def test_what_another_process_left_waiting_is_taken_up(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person)
    studio.worker.start()
    studio.later(seconds=14)
    assert studio.worker.recover(studio.clock.now()).resubmitted == 0
    studio.later(seconds=2)
    assert studio.worker.recover(studio.clock.now()).resubmitted == 1
    studio.wait_until_finished(generation)
    studio.worker.shutdown()
    assert studio.balance(person) == (9, 0, 1)


def test_what_nobody_took_up_in_half_an_hour_is_given_up(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person)
    studio.later(minutes=30)
    assert claim(studio, generation) is None
    assert studio.worker.recover(studio.clock.now()).failed == 1
    assert studio.reread(generation).failure_reason == (
        "The studio was too busy to begin. Nothing was charged."
    )
    assert studio.balance(person) == (10, 0, 0)


def test_a_thread_survives_what_nobody_foresaw(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    person = studio.person()
    lost, next_one = studio.ask(person), studio.ask(person)
    worker = studio.new_worker(threads=1)
    store = worker._store

    def break_once(delivery: Delivery) -> object:
        monkeypatch.setattr(worker, "_store", store)
        raise ZeroDivisionError

    monkeypatch.setattr(worker, "_store", break_once)
    worker.start()
    with caplog.at_level(logging.ERROR):
        worker.submit(lost.id)
        worker.submit(next_one.id)
        studio.wait_until_finished(next_one)
        worker.shutdown()
    assert studio.reread(next_one).state == "succeeded"
    studio.later(minutes=10)
    worker.recover(studio.clock.now())
    assert studio.reread(lost).state == "failed"
    assert studio.balance(person) == (9, 0, 1)


def test_a_providers_reason_is_one_line_of_bounded_length(studio: Studio) -> None:
    studio.provider.script = lambda _order: Delivery((), "bad\x00\n  news! " * 200)
    reason = studio.run(studio.ask(studio.person())).failure_reason
    assert reason is not None
    assert reason.startswith("bad news! bad news!")
    assert len(reason) < 530
