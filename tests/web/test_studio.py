import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from sketchmaker.credits.tables import PLANS
from sketchmaker.studio import queue
from sketchmaker.studio.tables import Generation
from tests.support.people import assert_books_close
from tests.support.web_system import PASSWORD
from tests.web.accounts.browser import Browser
from tests.web.studio_use import FRAGMENT, Studio, balance_in

pytestmark = pytest.mark.slow


def is_blocked(page: str) -> bool:
    """Whether the button for generating is switched off."""
    button = re.search(r'<button[^>]*id="generate"[^>]*>', page)
    assert button
    return 'aria-disabled="true"' in button[0]


@pytest.fixture
def studio(ada: Browser, system: System) -> Studio:
    return Studio(ada, system)


def test_the_form_says_what_an_image_costs_and_what_is_left(studio: Studio) -> None:
    page = studio.browser.get("/studio").text
    assert "Uses 1 credit. You have 10. Failed images are free." in page
    assert not is_blocked(page)


def test_the_form_shows_what_the_plan_does_not_include_locked_with_the_reason(
    studio: Studio,
) -> None:
    one_at_a_time = [{"feature": "images_at_once", "value": 1}]
    with studio.system.database.transaction() as session:
        session.execute(update(PLANS).where(PLANS.c.name == "free").values(features=one_at_a_time))

    page = studio.browser.get("/studio").text
    refused = studio.send(count="4")

    sentence = "The Free plan does not include 4 images at once. The Premium plan does."
    assert len(re.findall(r'name="count" value="\d"[^>]* disabled', page)) == 3
    assert sentence in page
    assert refused.status_code == 403
    assert sentence in refused.text
    assert balance_in(studio.browser.get("/studio")) == 10


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        ("2", "Uses 2 credits. You have 10."),
        ("4", "Uses 4 credits. You have 10."),
        ("nonsense", "Uses 1 credit. You have 10."),
    ],
)
def test_the_price_follows_the_number_of_images(studio: Studio, count: str, sentence: str) -> None:
    told = studio.part(f"/studio/cost?count={count}").text
    assert sentence in told
    assert "<button" not in told  # it would lose the focus


def test_an_image_is_polled_for_appears_and_takes_one_credit(studio: Studio) -> None:
    begun = studio.send("A calm sea")
    assert 'hx-trigger="every 1s"' in begun.text
    public_id = studio.draw()[0]
    done = studio.poll(public_id, seen="queued-1")
    assert done.status_code == 200
    assert 'alt="A calm sea"' in done.text
    assert "1 credit ·" in done.text
    assert 'hx-trigger="every 1s"' not in done.text
    assert balance_in(done) == 9
    assert 'id="balance"' in done.text
    assert 'hx-swap-oob="true"' in done.text


def test_a_poll_with_nothing_new_changes_nothing_on_the_page(studio: Studio) -> None:
    begun = studio.send()
    seen = re.search(r"seen=([\w-]+)", begun.text)
    public_id = re.search(r"/studio/generations/([\w-]+)", begun.text)
    assert seen
    assert public_id
    assert studio.poll(public_id[1], seen[1]).status_code == 204


def test_a_form_sent_twice_charges_once(studio: Studio) -> None:
    key = studio.request_key()
    first, second = (studio.send(request_key=key) for _ in range(2))
    studio.draw()
    assert (first.status_code, second.status_code) == (200, 200)
    assert studio.balance() == 9
    assert len(studio.image_ids()) == 1


@pytest.mark.race
def test_a_form_sent_ten_times_at_once_charges_once(studio: Studio) -> None:
    key, token = studio.request_key(), studio.browser.csrf_token()
    cookie = studio.browser.cookie()

    def send(_: int) -> int:
        client = studio.browser.client.application.test_client()
        client.set_cookie("sketchmaker_session", cookie)
        form = {"csrf_token": token, "request_key": key, "prompt": "A calm sea"}
        answer = client.post("/studio/generations", data={**form, "size": "square", "count": "2"})
        return answer.status_code

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(send, range(10))) == {303}
    studio.draw()
    assert studio.balance() == 8
    assert_books_close(studio.system.database)


def test_a_failure_says_why_and_costs_nothing(studio: Studio) -> None:
    studio.send("sandbox:fail A calm sea")
    told = studio.poll(studio.draw()[0])
    assert "The sandbox failed because the prompt asks for it" in told.text
    assert "Generation failed. You weren't charged." in told.text
    assert told.text.count("charged") == 1
    assert "Retry" in told.text
    assert balance_in(told) == 10


def test_images_that_are_missing_are_not_paid_for(studio: Studio) -> None:
    studio.send("sandbox:partial A calm sea", count="3")
    told = studio.poll(studio.draw()[0])
    assert "Only 2 of 3 images were made and charged." in told.text
    assert balance_in(told) == 8


def test_while_images_are_drawn_their_credits_are_held(studio: Studio) -> None:
    assert balance_in(studio.send(count="4")) == 6
    assert "4 credits are held for images being drawn" in studio.browser.get("/dashboard").text


def test_without_credits_the_button_explains_whom_to_ask_and_when_they_come_back(
    studio: Studio,
) -> None:
    studio.spend(10)
    page = studio.browser.get("/studio").text
    assert "out of credits. Your 10 come back on" in page
    assert "15 February 2026</time>, in 31 days" in page
    assert "Contact admin to upgrade your plan." in page
    assert ">Compare plans</a>" in page
    assert is_blocked(page)


def test_more_images_than_credits_are_refused_with_advice(studio: Studio) -> None:
    studio.spend(9)
    bar = studio.part("/studio/cost?count=2").text
    assert "You have 1 credit left. Choose 1 image." in bar
    assert 'data-can-generate="no"' in bar
    refused = studio.send(count="2")
    assert refused.status_code == 402
    assert "Not enough credits" in refused.text
    assert "Contact admin to upgrade your plan." in refused.text
    assert balance_in(refused) == 1
    assert refused.headers["HX-Retarget"] == "#notice"
    assert studio.balance() == 1


def test_credits_that_came_back_can_be_used_at_once(studio: Studio, clock: ManualClock) -> None:
    studio.spend(10)
    clock.set(clock.now().replace(month=2))
    studio.browser.sign_in("ada", PASSWORD)
    assert studio.balance() == 10
    studio.make()
    assert studio.balance() == 9


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"prompt": "x"}, "Describe the image in at least 3 characters."),
        ({"prompt": "A calm sea", "count": "5"}, "Choose 1 to 4 images."),
        ({"prompt": "A calm sea", "count": "1.5"}, "Choose 1 to 4 images."),
        ({"prompt": "A calm sea", "size": "poster"}, "Choose one of the sizes"),
        ({"prompt": "A calm sea", "seed": "-1"}, "A seed is a whole number"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_the_rest_is_kept(
    studio: Studio, fields: dict[str, str], sentence: str
) -> None:
    answer = studio.send(**fields)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert fields["prompt"] in answer.text
    assert answer.headers["HX-Retarget"] == "#studio-form"
    assert studio.balance() == 10


def test_it_works_without_scripts(studio: Studio) -> None:
    sent = studio.send_without_scripts("A calm sea")
    assert sent.status_code == 303
    waiting = studio.browser.get(sent.headers["Location"]).text
    assert '<noscript><meta http-equiv="refresh"' in waiting
    studio.draw()
    done = studio.browser.get(sent.headers["Location"]).text
    assert 'alt="A calm sea"' in done
    assert "http-equiv" not in done
    wrong = studio.send_without_scripts("x")
    assert wrong.status_code == 422
    assert "<!doctype html>" in wrong.text


def test_another_like_this_fills_in_the_form_but_not_the_seed(studio: Studio) -> None:
    studio.make("A calm sea", size="landscape", seed="77")
    page = studio.browser.get(f"/studio?like={studio.image_ids()[0]}").text
    assert ">A calm sea</textarea>" in page
    assert 'value="landscape" checked' in page
    assert 'value="77"' not in page


def test_the_seed_is_used_again_only_by_a_link_that_says_so(studio: Studio) -> None:
    studio.make("A calm sea", seed="77")
    page = studio.browser.get(f"/studio?like={studio.image_ids()[0]}&seed=same").text
    assert 'value="77"' in page


def test_an_image_that_is_there_already_is_not_sold_again(studio: Studio) -> None:
    studio.make("A calm sea", seed="77")
    told = studio.send("A calm sea", seed="77")
    assert told.status_code == 409
    assert "You already have this image." in told.text
    assert f'href="/gallery/{studio.image_ids()[0]}">Open it</a>' in told.text
    assert studio.balance() == 9
    assert studio.send("A calm sea", seed="77", size="portrait").status_code == 200
    assert studio.send("A calm sea", seed="77", count="2").status_code == 200


def test_an_order_with_a_seed_sent_again_gets_its_own_images(studio: Studio) -> None:
    key = studio.request_key()
    studio.make("A calm sea", seed="77", request_key=key)
    assert studio.send("A calm sea", seed="77", request_key=key).status_code == 200
    assert studio.balance() == 9


def test_an_example_fills_in_the_form(studio: Studio) -> None:
    page = studio.browser.get("/studio?example=2").text
    assert ">Northern lights over a city skyline</textarea>" in page


def test_what_somebody_wrote_is_part_of_no_address(studio: Studio) -> None:
    studio.make("sandbox:fail the secret words")
    studio.make("sandbox:partial the secret words", count="2")
    for path in ("/studio", "/gallery", "/dashboard", f"/gallery/{studio.image_ids()[0]}"):
        page = studio.browser.get(path).text
        assert "secret words" in page
        assert [
            link
            for link in re.findall(r'(?:href|action|hx-\w+)="([^"]*)"', page)
            if "secret" in link
        ] == []


def test_the_feed_shows_what_came_of_the_last_orders(studio: Studio) -> None:
    studio.make("First")
    studio.make("sandbox:partial Second", count="3")
    studio.make("sandbox:fail Third")
    studio.send("Fourth", count="2")
    page = studio.browser.get("/studio").text
    assert re.findall(r"data-words>([^<]+)<", page) == [
        "Fourth",
        "sandbox:fail Third",
        "sandbox:partial Second",
        "First",
    ]
    assert re.findall(r'data-look="(\w+)"', page) == ["queued", "failed", "partial", "done"]
    assert page.count('hx-trigger="every 1s"') == 1
    assert 'alt="sandbox:partial Second, 2 of 3"' in page
    assert "Only 2 of 3 images were made and charged." in page
    assert "2 of 3 ready" not in page
    assert "In the queue: next in line" in page


def test_what_is_at_work_stays_in_the_feed_however_much_is_ordered_after_it(
    studio: Studio, clock: ManualClock
) -> None:
    waiting = re.search(r"job-([\w-]+)-words", studio.send("The one that waits").text)
    assert waiting
    for number in range(12):
        clock.advance(timedelta(seconds=61))
        studio.send(f"sandbox:fail {number}")
        studio.system.studio_worker.run(number + 2)
    page = studio.browser.get("/studio").text
    assert page.count('<article class="job') == 11
    assert "The one that waits" in page
    assert "Show older" in page


def test_a_failed_order_is_tried_again_once_with_all_its_options(studio: Studio) -> None:
    failed = studio.make("sandbox:fail A calm sea", size="portrait", count="3", seed="5")
    path = f"/studio/generations/{failed}/retry"
    assert f'action="{path}"' in studio.browser.get("/studio").text
    first, second = (studio.browser.post(path) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    page = studio.browser.get("/studio").text
    assert page.count('<article class="job') == 2
    assert f'action="{path}"' not in page
    with studio.system.database.reading() as session:
        again = session.scalars(select(Generation).order_by(Generation.id.desc())).first()
    assert again
    assert (again.size, again.images_requested, again.seed) == ("portrait", 3, 5)


def test_an_order_that_waits_can_be_cancelled_and_costs_nothing(studio: Studio) -> None:
    studio.send("A calm sea", count="4")
    assert studio.balance() == 6
    path = re.search(
        r'action="(/studio/generations/[\w-]+/cancel)"', studio.browser.get("/studio").text
    )
    assert path
    assert studio.browser.post(path[1]).status_code == 303
    assert "Cancelled. You weren't charged." in studio.browser.get("/studio").text
    assert studio.balance() == 10


def test_too_many_at_once_are_refused_beside_the_button_and_the_cards_stay(studio: Studio) -> None:
    for number in range(4):
        studio.send(f"Sea {number}")
    refused = studio.send("One more")
    assert refused.status_code == 429
    assert refused.headers["HX-Retarget"] == "#notice"
    assert "4 generations are already in progress. Wait for one to finish." in refused.text


def test_other_pages_show_that_something_is_at_work(studio: Studio) -> None:
    quiet = re.search(r'<a class="work-sign"[^>]*>', studio.browser.get("/gallery").text)
    assert quiet
    assert "hidden" in quiet[0]
    studio.send("A calm sea")
    page = studio.browser.get("/gallery").text
    busy = re.search(r'<a class="work-sign"[^>]*>', page)
    assert busy
    assert "hidden" not in busy[0]
    assert "generation in progress" in page


def test_a_form_from_before_another_sign_in_gets_a_token_to_be_sent_again_with(
    studio: Studio,
) -> None:
    page = studio.browser.get("/studio").text
    account = re.search(r'data-account="(\d+)"', page)
    assert account
    form = {"csrf_token": "stale", "prompt": "A calm sea", "size": "square", "count": "1"}
    headers = {**FRAGMENT, "X-Account": account[1]}
    refused = studio.browser.client.post("/studio/generations", data=form, headers=headers)
    assert refused.status_code == 400
    form |= {"csrf_token": refused.headers["X-CSRFToken"], "request_key": "one"}
    again = studio.browser.client.post("/studio/generations", data=form, headers=headers)
    assert again.status_code == 200


def test_a_page_of_one_account_orders_nothing_for_another(studio: Studio) -> None:
    form = {"csrf_token": "stale", "prompt": "A calm sea", "size": "square", "count": "1"}
    headers = {**FRAGMENT, "X-Account": "4711"}
    refused = studio.browser.client.post("/studio/generations", data=form, headers=headers)
    assert refused.headers["HX-Refresh"] == "true"
    assert "X-CSRFToken" not in refused.headers


def test_a_page_of_one_account_shows_nothing_of_another(studio: Studio) -> None:
    studio.send("A secret sea")
    headers = {**FRAGMENT, "X-Account": "4711"}
    told = studio.browser.client.get("/studio/feed", headers=headers)
    assert told.headers["HX-Refresh"] == "true"
    assert "secret" not in told.text


@pytest.mark.parametrize("headers", [FRAGMENT, {}])
def test_whoever_is_signed_out_is_led_to_sign_in_and_not_blamed(
    visitor: Browser, headers: dict[str, str]
) -> None:
    form = {"csrf_token": "stale", "prompt": "A calm sea"}
    answer = visitor.client.post("/studio/generations", data=form, headers=headers)
    place = answer.headers["HX-Redirect"] if headers else answer.headers["Location"]
    assert place.startswith("/login")


def test_signing_out_works_from_a_page_of_an_earlier_sign_in(ada: Browser) -> None:
    asked = ada.client.post("/logout", data={"csrf_token": "stale"})
    assert "Sign out?" in asked.text
    assert ada.is_signed_in()
    assert ada.post("/logout").status_code == 302
    assert not ada.is_signed_in()
    twice = ada.client.post("/logout", data={"csrf_token": "stale"})
    assert twice.status_code == 302


def test_nobody_sees_how_anybody_elses_generation_is_doing(
    studio: Studio, person: Callable[..., Browser]
) -> None:
    public_id = studio.make()
    eve = Studio(person("eve"), studio.system)
    assert eve.poll(public_id).status_code == 404
    assert eve.browser.get(f"/studio/generations/{public_id}").status_code == 404


def test_what_people_type_is_shown_as_text(studio: Studio) -> None:
    public_id = studio.make('<script>alert("x")</script>')
    for page in ("/studio", "/gallery", "/dashboard", f"/studio/generations/{public_id}"):
        assert "<script>alert" not in studio.browser.get(page).text


def test_a_queue_too_long_is_said_with_a_time_to_come_back_and_costs_nothing(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "expected_wait", lambda _session: timedelta(minutes=8))
    refused = studio.send("A calm sea")
    assert refused.status_code == 503
    assert "about 8 minutes of work are waiting" in refused.text
    assert "Retry-After" in refused.headers
    assert studio.balance() == 10


def test_without_scripts_an_order_that_is_refused_gives_the_words_back(studio: Studio) -> None:
    studio.spend(10)
    told = studio.send_without_scripts("A calm sea that took long to describe")
    assert told.status_code == 402
    assert ">A calm sea that took long to describe</textarea>" in told.text
    assert 'role="alert"' in told.text


def test_without_scripts_a_limit_gives_the_words_back_and_says_when_to_try_again(
    studio: Studio,
) -> None:
    for number in range(4):
        assert studio.send_without_scripts(f"A calm sea {number}").status_code == 303
    told = studio.send_without_scripts("One more sea")
    assert told.status_code == 429
    assert ">One more sea</textarea>" in told.text
    assert studio.balance() == 6


def test_without_scripts_a_page_that_is_out_of_date_gives_the_words_back(studio: Studio) -> None:
    form = {"csrf_token": "of-another-time", "request_key": "a", "prompt": "A calm sea"}
    told = studio.browser.client.post(
        "/studio/generations", data={**form, "size": "square", "count": "1"}
    )
    assert told.status_code == 400
    assert ">A calm sea</textarea>" in told.text
    assert "This page is out of date" in told.text
    assert studio.balance() == 10
