import pytest

from crosslevel.annotate.learning import Learning
from crosslevel.annotate.pictures import thumbnail
from crosslevel.annotate.suggestions import Suggestions
from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.runs.folder import RunFolder, write_start
from crosslevel.runs.records import Environment
from crosslevel.types import Reading
from support.annotating import (
    calibrate,
    open_session,
    save_network,
    stroke,
    write_images,
)
from support.tiny import tiny_config


def test_suggestions__come_first_and_are_never_masks(tmp_path):
    data = write_images(tmp_path / "data", 5, masks=2)
    session = open_session(data)
    suggestions = Suggestions(session.work, save_network(tmp_path / "model"), "first", print)
    session.use(suggestions)
    assert suggestions._thread is not None
    suggestions._thread.join()
    assert session.queue.ranking == "both"
    assert {*session.queue.order[:3]} == {2, 3, 4}
    draft = session.draft(session.queue.order[0])
    assert (draft.begun_from, draft.model) == ("suggestion", suggestions.name)
    assert session.draft(0).begun_from == "mask"
    assert len(list((data / "masks").iterdir())) == 2
    assert all(image["said"] is not None for image in session.state()["images"])
    assert session.state()["doubt_from"] == "confidence"
    assert open_session(data).state()["doubt_from"] == "confidence"  # kept with the order
    other = Suggestions(session.work, save_network(tmp_path / "other", seed=1), "second", print)
    number = session.queue.order[0]
    stroke(session, number, 10)
    session.use(other)
    assert session.draft(number).model == suggestions.name  # what was begun stays
    session.close()


def test_suggestions__that_are_kept_follow_a_new_calibration(tmp_path):
    session = open_session(write_images(tmp_path / "data", 2))
    folder, case = save_network(tmp_path / "model", seed=2), session.items[0].case

    def looked():
        return Suggestions(session.work, folder, "first", print).look(case)

    assert looked().expected_dice is None
    calibrate(folder)
    first = looked().expected_dice
    calibrate(folder, shift=0.0)
    assert looked().expected_dice > first


def test_full_disk__keeps_nothing_from_being_suggested_and_shown(tmp_path):
    data = write_images(tmp_path / "data", 3)
    session = open_session(data)
    session.work.queue_file.mkdir(parents=True)  # neither of these can be written now
    for folder in (session.work.suggestions, session.work.thumbnails):
        folder.touch()
    suggestions = Suggestions(session.work, save_network(tmp_path / "model"), "first", print)
    session.use(suggestions)
    assert suggestions._thread is not None
    suggestions._thread.join()
    assert suggestions.has_seen_all
    assert session.queue.ranking == "both"
    image = session.items[0].case.image
    assert thumbnail(image, Reading(), session.work.thumbnails / "a.jpg").startswith(b"\xff\xd8")
    session.close()


def test_learning__refuses_a_model_of_other_classes(tmp_path):
    said: list[str] = []
    session = open_session(write_images(tmp_path / "data", 3))
    object.__setattr__(session.setting, "say", said.append)
    learning = Learning(session, save_network(tmp_path / "model", classes=2), [])
    learning._load(tmp_path / "model")
    assert "The model has 2 classes (class 1, class 2)" in said[-1]
    assert learning.model_note.startswith("No suggestions: The model has 2 classes")
    assert not learning.is_loading
    with pytest.raises(InputError, match="0 masks; learning needs at least 3"):
        learning.retrain()


@pytest.mark.parametrize(("num_new", "starts"), [(1, False), (2, True)])
def test_learning__starts_from_a_run_with_folds_where_new_masks_can_be_held_out(
    tmp_path, num_new, starts
):
    session = open_session(write_images(tmp_path / "data", 5, masks=2 + num_new))
    learned = ("case_0", "case_1")
    split = Split(learned, (), (), (), 0, 0, folds=dict(zip(learned, "12", strict=True)))
    run = RunFolder(tmp_path / "run")
    write_start(run, tiny_config("supervised"), split.to_json(), Environment())
    save_network(run.model_folder)
    words = Learning(session, run.path, []).start_words()
    assert words[:2] == (["--from", str(run.path)] if starts else [])
    session.close()
