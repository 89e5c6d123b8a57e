import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sketchmaker.bootstrap import System
from sketchmaker.clock import ManualClock
from tests.support.people import assert_books_close
from tests.support.web_system import PASSWORD
from tests.web.accounts.browser import Browser
from tests.web.studio_use import Studio, balance_in


@pytest.fixture
def studio(ada: Browser, system: System) -> Studio:
    return Studio(ada, system)


def test_the_form_says_what_an_image_costs_and_what_is_left(studio: Studio) -> None:
    page = studio.browser.get("/studio").text
    assert "Costs 1 credit if the image succeeds; you have 10." in page
    assert "disabled" not in re.findall(r"<button[^>]*>[^<]*<svg[^>]*><use[^>]*brush", page)[0]


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        ("2", "Costs 2 credits if both images succeed; you have 10."),
        ("3", "Costs 3 credits if all three images succeed; you have 10."),
        ("4", "Costs 4 credits if all four images succeed; you have 10."),
        ("nonsense", "Costs 1 credit if the image succeeds; you have 10."),
    ],
)
def test_the_price_follows_the_number_of_images(studio: Studio, count: str, sentence: str) -> None:
    assert sentence in studio.browser.get(f"/studio/cost?count={count}").text


def test_an_image_is_polled_for_appears_and_takes_one_credit(studio: Studio) -> None:
    begun = studio.send("A calm sea")
    assert 'hx-trigger="every 1s"' in begun.text
    public_id = studio.draw()[0]
    done = studio.poll(public_id, seen="queued-0")
    assert done.status_code == 200
    assert 'alt="A calm sea"' in done.text
    assert "1 credit used" in done.text
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


def test_the_next_sending_of_the_same_form_is_a_new_one(studio: Studio) -> None:
    key = studio.request_key()
    fresh = re.search(r'id="request-key" value="([^"]+)"', studio.send(request_key=key).text)
    assert fresh
    assert fresh[1] != key


def test_a_failure_says_why_and_costs_nothing(studio: Studio) -> None:
    studio.send("sandbox:fail A calm sea")
    told = studio.poll(studio.draw()[0])
    assert "The sandbox failed because the prompt asks for it" in told.text
    assert "Nothing was charged." in told.text
    assert "Try again" in told.text
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
    assert "You have used all your credits. Contact admin to upgrade your plan." in page
    assert "Your 10 credits come back on" in page
    assert "15 February 2026" in page
    assert re.search(r'aria-describedby="cost-line" disabled', page)


def test_more_images_than_credits_are_refused_with_advice(studio: Studio) -> None:
    studio.spend(9)
    bar = studio.browser.get("/studio/cost?count=2").text
    assert "You have 1 credit; choose 1 image." in bar
    assert "disabled" in bar
    refused = studio.send(count="2")
    assert refused.status_code == 402
    assert "Not enough credits" in refused.text
    assert "Contact admin to upgrade your plan." in refused.text
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


def test_another_like_this_fills_in_the_form(studio: Studio) -> None:
    studio.make("A calm sea", size="landscape", seed="77")
    page = studio.browser.get(f"/studio?like={studio.image_ids()[0]}").text
    assert ">A calm sea</textarea>" in page
    assert 'value="landscape" checked' in page
    assert 'value="77"' in page


def test_an_example_fills_in_the_form(studio: Studio) -> None:
    assert (
        ">Paper mountains</textarea>" in studio.browser.get("/studio?prompt=Paper+mountains").text
    )


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
