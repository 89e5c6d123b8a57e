"""Files that nobody owns go; every other file stays."""

import os
from datetime import timedelta
from pathlib import Path

from sketchmaker.studio import gallery
from sketchmaker.studio.finished_work import FinishedPicture, FinishedWork
from sketchmaker.studio.sweeping import Sweeper
from tests.studio.small_studio import Studio, a_picture


def age(studio: Studio, **delta: float) -> None:
    """Every file was written that long ago."""
    then = (studio.clock.now() - timedelta(**delta)).timestamp()
    for path in studio.files():
        os.utime(path, (then, then))


def sweep(studio: Studio, rounds: int = 3) -> int:
    sweeper = Sweeper(studio.database, studio.store)
    return sum(sweeper.sweep(studio.clock.now()) for _ in range(rounds))


def test_files_that_nobody_owns_are_swept_after_a_day(studio: Studio) -> None:
    studio.run(studio.ask(studio.person(), count=2))
    kept = set(studio.files())
    orphan = studio.store.save(a_picture().content)
    draft = studio.store.path(orphan.file_name).with_name(f".{Path(orphan.file_name).name}.draft")
    draft.write_bytes(b"half")
    (draft.parent / "notes of the admin.txt").write_text("not ours")
    age(studio, hours=23)
    assert sweep(studio) == 0
    age(studio, hours=25)
    assert sweep(studio) == 4
    assert {path.name for path in studio.files()} == {
        *(path.name for path in kept),
        "notes of the admin.txt",
    }


def test_files_of_finished_work_that_is_not_handed_in_are_kept(studio: Studio) -> None:
    generation = studio.ask(studio.person())
    work, unusable = (
        FinishedWork(
            generation.id,
            (FinishedPicture(name, 1, studio.store.save(a_picture().content)),),
            None,
        )
        for name in ("one", "two")
    )
    folder = studio.worker._handing_in._folder
    for each in (work, unusable):
        folder.keep(each)
    folder.set_aside(unusable)
    age(studio, days=400)
    assert sweep(studio) == 0
    folder.forget(work)
    assert sweep(studio) == 3


def test_a_deleted_image_whose_files_stayed_is_swept(studio: Studio) -> None:
    person = studio.person()
    made = studio.run(studio.ask(person))
    with studio.database.transaction() as session:
        image = gallery.images_of(session, generation_id=made.id)[0]
        gallery.delete_image(session, user_id=person, public_id=image.public_id)
    age(studio, days=2)
    assert sweep(studio) == 3
    assert studio.files() == []


def test_every_shard_is_swept_a_few_at_a_round(studio: Studio) -> None:
    for _ in range(40):
        studio.store.save(a_picture().content)
    age(studio, days=2)
    assert 0 < sweep(studio, rounds=1) < 120
    assert sweep(studio, rounds=9) > 0
    assert studio.files() == []
