import logging
from datetime import timedelta
from threading import Barrier, Event, Thread

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sketchmaker.credits.reading.explanations import explain
from sketchmaker.credits.rows import ledger
from sketchmaker.credits.rules.errors import ChangedMeanwhile
from sketchmaker.credits.spending import holds
from sketchmaker.database import DatabaseUnavailable, TransactionConflict
from sketchmaker.studio import runs
from sketchmaker.studio.errors import ProviderFailed
from sketchmaker.studio.finished_work import FinishedPicture, FinishedWork
from sketchmaker.studio.gallery import images_of
from sketchmaker.studio.providers import Delivery, ImageOrder, Picture
from sketchmaker.studio.tables import Generation, Image
from sketchmaker.studio.worker import LEASE, Recovery
from tests.studio.small_studio import Studio, a_picture, deliver_all
from tests.support.people import assert_books_close

pytestmark = pytest.mark.slow

FILES_AN_IMAGE = 3


def images(studio: Studio, generation: Generation) -> list[Image]:
    with studio.database.reading() as session:
        return images_of(session, generation_id=generation.id)


def claim(studio: Studio, generation: Generation) -> Generation | None:
    with studio.database.transaction() as session:
        return runs.claim(
            session,
            generation_id=generation.id,
            worker="of yesterday",
            now=studio.clock.now(),
            lease=LEASE,
        )


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
    assert len(studio.files()) == 3 * FILES_AN_IMAGE


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
    assert len(studio.files()) == 2 * FILES_AN_IMAGE


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


def test_a_provider_that_is_gone_by_the_time_of_the_work_costs_nothing(studio: Studio) -> None:
    person = studio.person()
    order = studio.ask(person)
    with studio.database.transaction() as session:
        session.execute(
            update(Generation).where(Generation.id == order.id).values(provider="of yesterday")
        )
    generation = studio.run(order)
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


def test_a_lease_is_prolonged_while_its_process_lives(studio: Studio) -> None:
    person = studio.person()

    def take_two_hours(order: ImageOrder) -> Delivery:
        for _ in range(2 * 60 * 60 // 30):
            studio.later(seconds=30)
            studio.worker._sign_of_life(generation.id)
            studio.worker.prolong_leases()
            assert studio.worker.recover(studio.clock.now()) == Recovery(0, 0, 0)
            with studio.database.transaction() as session:
                assert holds.release_expired(session, now=studio.clock.now()) == 0
        return deliver_all(order)

    studio.provider.script = take_two_hours
    generation = studio.ask(person)
    assert studio.run(generation).state == "succeeded"
    assert studio.balance(person) == (9, 0, 1)


def test_a_provider_that_is_silent_for_ten_minutes_is_not_waited_for(studio: Studio) -> None:
    person = studio.person()

    def be_silent(order: ImageOrder) -> Delivery:
        for _ in range(22):
            studio.later(seconds=30)
            studio.worker.prolong_leases()
            studio.worker.recover(studio.clock.now())
        return deliver_all(order)

    studio.provider.script = be_silent
    assert studio.run(studio.ask(person)).state == "failed"
    assert studio.balance(person) == (10, 0, 0)
    assert studio.files() == []


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
    assert len(studio.files()) == FILES_AN_IMAGE


def test_paid_work_of_a_dead_process_fails_when_its_lease_passes(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person, count=4)
    assert claim(studio, generation) is not None
    studio.later(seconds=39)
    assert studio.worker.recover(studio.clock.now()) == Recovery(0, 0, 0)
    assert studio.balance(person) == (6, 4, 0)
    studio.later(seconds=1)
    assert studio.worker.recover(studio.clock.now()) == Recovery(0, requeued=0, failed=1)
    dead = studio.reread(generation)
    assert dead.failure_reason == "The studio was interrupted. Nothing was charged."
    assert studio.balance(person) == (10, 0, 0)


def test_work_that_costs_nothing_is_drawn_again_when_its_process_is_dead(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person, count=2, provider="sandbox")
    claim(studio, generation)
    studio.later(seconds=40)
    assert studio.worker.recover(studio.clock.now()) == Recovery(0, requeued=1, failed=0)
    assert studio.balance(person) == (8, 2, 0)
    drawn = studio.run(generation)
    assert (drawn.state, drawn.attempts) == ("succeeded", 2)
    assert studio.balance(person) == (8, 0, 2)


def test_work_that_has_lost_two_processes_is_given_up(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person, provider="sandbox")
    found = []
    for _ in range(2):
        assert claim(studio, generation)
        studio.later(seconds=40)
        found.append(studio.worker.recover(studio.clock.now()))
    assert found == [Recovery(0, 1, 0), Recovery(0, 0, 1)]
    assert studio.balance(person) == (10, 0, 0)


def test_after_an_outage_processes_may_prolong_their_leases_before_they_count_as_dead(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = studio.ask(studio.person())
    claim(studio, generation)
    studio.later(minutes=9)
    with monkeypatch.context() as away:
        away.setattr(studio.database, "transaction", is_away)
        with pytest.raises(DatabaseUnavailable):
            studio.worker.recover(studio.clock.now())
    assert studio.worker.recover(studio.clock.now()) == Recovery(0, 0, 0)
    studio.later(seconds=20)
    assert studio.worker.recover(studio.clock.now()) == Recovery(0, 0, 1)


def is_away() -> object:
    raise DatabaseUnavailable("it is being restarted")


def test_work_is_not_begun_when_its_hold_has_ended(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person)
    with studio.database.transaction() as session:
        holds.release(
            session, hold_id=generation.hold_id, reason="By hand.", now=studio.clock.now()
        )
    ended = studio.run(generation)
    assert ended.state == "failed"
    assert "had not begun when its credits went back" in str(ended.failure_reason)
    assert studio.provider.orders == []
    assert studio.balance(person) == (10, 0, 0)


def test_a_result_that_comes_after_its_work_was_given_up_is_thrown_away(studio: Studio) -> None:
    person, other = studio.person(), studio.new_worker()

    def dawdle(order: ImageOrder) -> Delivery:
        studio.later(minutes=11)
        other.recover(studio.clock.now())
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
        studio.later(days=8)
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
    studio.clock.set(studio.statement(person).next_reset - timedelta(minutes=2))
    generation = studio.ask(person, count=3)
    studio.later(minutes=1)

    def until_next_month(order: ImageOrder) -> Delivery:
        studio.clock.set(studio.statement(person).next_reset)
        return deliver_all(order)

    studio.provider.script = until_next_month
    assert studio.run(generation).state == "succeeded"
    assert studio.balance(person) == (10, 0, 0)
    assert len(images(studio, generation)) == 3


def finished(studio: Studio, generation: Generation) -> FinishedWork:
    picture = FinishedPicture("image-1", 100, studio.store.save(a_picture().content))
    return FinishedWork(generation.id, (picture,), None)


def test_finishing_twice_charges_once_and_keeps_the_files(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person)
    claim(studio, generation)
    work = finished(studio, generation)
    for is_new in (True, False):
        with studio.database.transaction() as session:
            outcome = runs.finish(session, work=work, now=studio.clock.now())
            assert [image.public_id for image in outcome.images] == ["image-1"]
            assert outcome.is_new is is_new
    assert studio.balance(person) == (9, 0, 1)


def test_what_is_drawn_twice_is_given_and_charged_once(studio: Studio) -> None:
    person = studio.person()
    generation = studio.ask(person, provider="sandbox")

    def lose_the_lease(_seconds: float) -> None:
        studio.later(seconds=60)
        studio.worker.recover(studio.clock.now())
        studio.worker.run(generation.id)

    slow = studio.ask(person, provider="sandbox", prompt="sandbox:slow")
    generation = slow
    studio.worker = studio.new_worker()
    studio.new_worker(pause=lose_the_lease).run(slow.id)
    assert studio.reread(slow).state == "succeeded"
    assert studio.balance(person) == (8, 1, 1)
    assert len(studio.files()) == FILES_AN_IMAGE


OUTAGES = [
    DatabaseUnavailable("it is being restarted"),
    TransactionConflict("deadlock detected"),
    ChangedMeanwhile(7),
    IntegrityError("INSERT", {}, ValueError("a duplicate")),
]


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
def test_what_may_pass_at_the_end_is_tried_again_at_once(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    person = studio.person()
    finish, failures = runs.finish, iter([error, error])

    def break_twice(*args: object, **facts: object) -> object:
        if (failure := next(failures, None)) is not None:
            raise failure
        return finish(*args, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(runs, "finish", break_twice)
    assert studio.run(studio.ask(person)).state == "succeeded"
    assert studio.balance(person) == (9, 0, 1)
    assert len(studio.files()) == FILES_AN_IMAGE


@pytest.mark.parametrize("hours", [0.01, 1, 100])
def test_finished_work_survives_an_outage_and_no_thread_waits_for_its_end(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, hours: float
) -> None:
    person = studio.person()
    generation = studio.ask(person, count=2)
    begun = studio.clock.now()
    with monkeypatch.context() as away:

        def deliver_into_an_outage(order: ImageOrder) -> Delivery:
            away.setattr(studio.database, "transaction", is_away)
            return deliver_all(order)

        studio.provider.script = deliver_into_an_outage
        studio.worker.run(generation.id)
        assert studio.clock.now() - begun < timedelta(seconds=2)
        studio.later(hours=hours)
        for worker in (studio.worker, studio.new_worker()):
            with pytest.raises(DatabaseUnavailable):
                worker.recover(studio.clock.now())
    other = studio.new_worker()
    assert other.recover(studio.clock.now()) == Recovery(1, 0, 0)
    assert other.recover(studio.clock.now()) == Recovery(0, 0, 0)
    assert studio.reread(generation).state == "succeeded"
    assert studio.balance(person) == (8, 0, 2)
    assert len(studio.files()) == 2 * FILES_AN_IMAGE
    assert_books_close(studio.database)


def test_work_whose_result_is_on_its_way_is_not_given_up(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    person = studio.person()
    generation = studio.ask(person)
    claim(studio, generation)
    studio.worker._handing_in._folder.keep(finished(studio, generation))
    studio.later(minutes=5)

    def is_broken(*_args: object, **_facts: object) -> object:
        raise ZeroDivisionError

    with monkeypatch.context() as broken, caplog.at_level(logging.CRITICAL):
        broken.setattr(runs, "finish", is_broken)
        assert studio.worker.recover(studio.clock.now()) == Recovery(0, 0, 0)
    assert studio.worker.recover(studio.clock.now()) == Recovery(1, 0, 0)
    assert studio.balance(person) == (9, 0, 1)


def test_work_that_can_never_be_handed_in_is_set_aside_with_its_pictures(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    person = studio.person()
    generation = studio.ask(person)
    claim(studio, generation)
    studio.worker._handing_in._folder.keep(finished(studio, generation))
    studio.later(minutes=5)

    def is_broken(*_args: object, **_facts: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(runs, "finish", is_broken)
    with caplog.at_level(logging.CRITICAL):
        for _ in range(20):
            studio.worker.recover(studio.clock.now())
    assert studio.reread(generation).state == "failed"
    assert studio.balance(person) == (10, 0, 0)
    assert len(studio.files()) == FILES_AN_IMAGE + 1


def test_a_started_worker_runs_what_it_is_given_and_waits_for_it_at_shutdown(
    studio: Studio,
) -> None:
    person = studio.person()
    studio.worker.start()
    given = [studio.ask(person, count=2) for _ in range(3)]
    studio.worker.wake()
    for generation in given:
        studio.wait_until_finished(generation)
    studio.worker.shutdown()
    assert studio.balance(person) == (4, 0, 6)


def test_shutdown_leaves_what_waits_to_others(studio: Studio) -> None:
    begun, go_on = Event(), Event()

    def wait(order: ImageOrder) -> Delivery:
        begun.set()
        go_on.wait(120)
        return deliver_all(order)

    studio.provider.script = wait
    person = studio.person()
    at_work, waits = studio.ask(person), studio.ask(person)
    worker = studio.new_worker(threads=1)
    worker.start()
    assert begun.wait(120)
    ending = Thread(target=worker.shutdown)
    ending.start()
    go_on.set()
    ending.join()
    assert studio.reread(at_work).state == "succeeded"
    assert studio.reread(waits).state == "queued"


def test_what_another_process_queued_is_taken_up(studio: Studio) -> None:
    person = studio.person()
    studio.worker.start()
    generation = studio.ask(person)
    studio.wait_until_finished(generation)
    studio.worker.shutdown()
    assert studio.balance(person) == (9, 0, 1)


def test_two_people_are_served_in_turn(studio: Studio) -> None:
    greedy, modest = studio.person(), studio.person()
    ordered = [studio.ask(greedy) for _ in range(4)]
    single = studio.ask(modest)
    with studio.database.transaction() as session:
        taken = []
        while (claimed := next_claim(studio, session)) is not None:
            taken.append(claimed.id)
    first, *rest = [each.id for each in ordered]
    assert taken == [first, single.id, *rest]


def next_claim(studio: Studio, session: Session) -> Generation | None:
    return runs.claim_next(session, worker="w", now=studio.clock.now(), lease=LEASE)


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
    hand_in = worker._handing_in.hand_in

    def break_once(_work: FinishedWork) -> None:
        monkeypatch.setattr(worker._handing_in, "hand_in", hand_in)
        raise ZeroDivisionError

    monkeypatch.setattr(worker._handing_in, "hand_in", break_once)
    with caplog.at_level(logging.ERROR):
        worker.start()
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


@pytest.mark.parametrize("odd", ["Bad \ud83d", "\x00", "", "\udc00" * 900, 7, None, b"\xff"])
def test_odd_words_of_a_provider_lose_no_picture(studio: Studio, odd: object) -> None:
    def deliver_one(order: ImageOrder) -> Delivery:
        return Delivery(deliver_all(order).pictures[:1], odd)  # type: ignore[arg-type]

    studio.provider.script = deliver_one
    person = studio.person()
    generation = studio.run(studio.ask(person, count=2))
    assert (generation.state, generation.images_delivered) == ("succeeded", 1)
    assert str(generation.failure_reason).endswith("Only 1 of 2 images were made and charged.")
    assert studio.balance(person) == (9, 0, 1)


@pytest.mark.parametrize("seed", [-1, 2**40, None, "7"])
def test_an_odd_seed_loses_no_picture(studio: Studio, seed: object) -> None:
    picture = Picture(a_picture().content, seed)  # type: ignore[arg-type]
    studio.provider.script = lambda _order: Delivery((picture,))
    assert images(studio, studio.run(studio.ask(studio.person())))[0].seed == 100


def test_each_end_is_one_line_with_user_generation_and_cause(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    scripts = {
        "images delivered": deliver_all,
        "images partly delivered": partly_by_returning,
        "images failed": fail_by_raising,
    }
    for line, script in scripts.items():
        studio.provider.script = script
        generation = studio.ask(studio.person(), count=3)
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="sketchmaker.events"):
            studio.run(generation)
        (record,) = [each for each in caplog.records if each.name == "sketchmaker.events"]
        facts = vars(record)["facts"]
        assert record.getMessage() == line
        assert (facts["user"], facts["generation"]) == (generation.user_id, generation.id)
        assert facts.get("reason") == studio.reread(generation).failure_reason


@pytest.mark.race
def test_many_workers_draw_each_of_many_generations_once(studio: Studio) -> None:
    people = [studio.person() for _ in range(5)]
    orders = [studio.ask(person) for _ in range(3) for person in people]
    workers = [studio.new_worker(threads=2) for _ in range(3)]
    for worker in workers:
        worker.start()
    for order in orders:
        studio.wait_until_finished(order)
    for worker in workers:
        worker.shutdown()
    drawn = [order.reference for order in studio.provider.orders]
    assert sorted(drawn) == sorted(order.public_id for order in orders)
    assert {studio.balance(person) for person in people} == {(7, 0, 3)}
    assert len(studio.files()) == len(orders) * FILES_AN_IMAGE
    assert_books_close(studio.database)
