import pytest

from sketchmaker.studio import gallery
from sketchmaker.studio.errors import ImageNotFound
from sketchmaker.studio.origins import generations_of
from tests.studio.small_studio import Studio


def test_an_empty_gallery_has_one_empty_page(studio: Studio) -> None:
    person = studio.person()
    with studio.database.reading() as session:
        page = gallery.page_of_images(session, user_id=person)
    assert (page.items, page.total, page.pages) == ((), 0, 1)


def test_a_gallery_shows_ones_own_images_newest_first(studio: Studio) -> None:
    person, stranger = studio.person(), studio.person()
    studio.run(studio.ask(stranger, count=2))
    studio.run(studio.ask(person, count=2, prompt="the first"))
    studio.run(studio.ask(person, count=3, prompt="the second"))
    with studio.database.reading() as session:
        first = gallery.page_of_images(session, user_id=person, page=1, per_page=3)
        second = gallery.page_of_images(session, user_id=person, page=2, per_page=3)
        origins = generations_of(session, (*first.items, *second.items))
    assert (first.total, first.pages, first.has_next, second.has_next) == (5, 2, True, False)
    prompts = [origins[image.generation_id].prompt for image in (*first.items, *second.items)]
    assert prompts == ["the second"] * 3 + ["the first"] * 2
    numbers = [image.id for image in (*first.items, *second.items)]
    assert numbers == sorted(numbers, reverse=True)


@pytest.mark.parametrize(("asked", "shown"), [(-5, 1), (0, 1), (99, 2), (10**30, 2)])
def test_a_page_that_does_not_exist_is_the_nearest_that_does(
    studio: Studio, asked: int, shown: int
) -> None:
    person = studio.person()
    studio.run(studio.ask(person, count=3))
    with studio.database.reading() as session:
        assert gallery.page_of_images(session, user_id=person, page=asked, per_page=2).page == shown


def test_somebody_elses_image_is_not_found(studio: Studio) -> None:
    owner, stranger = studio.person(), studio.person()
    studio.run(studio.ask(owner))
    with studio.database.reading() as session:
        (image,) = gallery.page_of_images(session, user_id=owner).items
        found = gallery.find_image(session, user_id=owner, public_id=image.public_id)
        assert found.id == image.id
        for public_id in (image.public_id, "never-there"):
            with pytest.raises(ImageNotFound):
                gallery.find_image(session, user_id=stranger, public_id=public_id)


def test_nobody_deletes_somebody_elses_image(studio: Studio) -> None:
    owner, stranger = studio.person(), studio.person()
    studio.run(studio.ask(owner))
    with studio.database.reading() as session:
        (image,) = gallery.page_of_images(session, user_id=owner).items
    with pytest.raises(ImageNotFound), studio.database.transaction() as session:
        gallery.delete_image(session, user_id=stranger, public_id=image.public_id)
    with studio.database.reading() as session:
        assert gallery.page_of_images(session, user_id=owner).total == 1


def test_a_deleted_image_is_gone_with_its_files_and_stays_paid(studio: Studio) -> None:
    person = studio.person()
    studio.run(studio.ask(person))
    with studio.database.reading() as session:
        (image,) = gallery.page_of_images(session, user_id=person).items
    with studio.database.transaction() as session:
        names = gallery.delete_image(session, user_id=person, public_id=image.public_id)
    studio.store.remove(*names)
    assert studio.files() == []
    assert studio.balance(person) == (9, 0, 1)
    with pytest.raises(ImageNotFound), studio.database.transaction() as session:
        gallery.delete_image(session, user_id=person, public_id=image.public_id)
