import csv
import errno
import os
import random
import signal
import time
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from crosslevel.annotate import provenance
from crosslevel.annotate.drafts import Draft
from crosslevel.annotate.learning import Learning
from crosslevel.annotate.patches import Patch, checksum
from crosslevel.annotate.pictures import thumbnail
from crosslevel.annotate.session import Session
from crosslevel.annotate.suggestions import Suggestions
from crosslevel.annotate.work_folder import WorkFolder
from crosslevel.data.cases import find_cases, index_cases
from crosslevel.data.reading import read_case_mask
from crosslevel.data.split import Split
from crosslevel.errors import InputError
from crosslevel.runs.folder import RunFolder, write_start
from crosslevel.runs.records import Environment
from crosslevel.types import Classes, Reading
from support.annotating import (
    HEIGHT,
    WIDTH,
    calibrate,
    open_session,
    save_network,
    write_images,
)
from support.tiny import tiny_config


def number_of(session, name):
    return [item.case.id for item in session.items].index(name)


def stroke(session, number, left, value=1, at=None):
    """A square of 4 px, as a page sends it."""
    draft = session.draft(number)
    patch = Patch(left, 2, np.full((4, 4), value, np.uint8))
    session.stroke(
        number,
        {
            "at": draft.cursor if at is None else at,
            "tool": "brush",
            "patch": patch.to_json(),
            "seconds": 3.0,
            "base": checksum(draft.base),
        },
    )


def accept(session, number):
    session.accept(number, checksum(session.draft(number).mask), 7.25)


def rows(data):
    with (data / "annotations.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_accept__writes_the_mask_that_train_reads_and_says_who_made_it(tmp_path):
    data = write_images(tmp_path, 4)
    session = open_session(data)
    number = number_of(session, "case_2")
    stroke(session, number, 10)
    stroke(session, number, 12)
    accept(session, number)
    with Image.open(data / "masks/case_2.png") as mask:
        assert mask.size == (WIDTH, HEIGHT)
        found = np.asarray(mask)
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[2:6, 10:16] = 255
    assert np.array_equal(found, expected)
    [row] = rows(data)
    assert abs(datetime.fromisoformat(row.pop("started")).timestamp() - time.time()) < 60
    assert row == {
        "image": "images/case_2.png",
        "who": "Ada",
        "seconds": "7.2",
        "begun_from": "from_scratch",
        "model": "",
        "pixels_changed": "24",
        "strokes": "2",
    }
    assert [case.id for case in index_cases(data) if case.mask] == ["case_2"]
    assert session.status(session.items[number]) == "done"
    assert not any((data / ".crosslevel/drafts").iterdir())


def test_accept__keeps_every_mask_it_replaces(tmp_path):
    data = write_images(tmp_path, 3, masks=3)
    before = (data / "masks/case_1.png").read_bytes()
    session = open_session(data)
    number = number_of(session, "case_1")
    stroke(session, number, 0)
    accept(session, number)
    second = (data / "masks/case_1.png").read_bytes()
    stroke(session, number, 5)
    accept(session, number)
    kept = [file.read_bytes() for file in (data / ".crosslevel/backups").rglob("*.png")]
    assert sorted(kept) == sorted([before, second])
    assert [row["begun_from"] for row in rows(data)] == ["mask", "mask"]


def test_accept__sent_again_since_its_answer_was_lost_counts_once(tmp_path):
    data = write_images(tmp_path, 2)
    session = open_session(data)
    stroke(session, 0, 10)
    accept(session, 0)
    accept(session, 0)
    accept(open_session(data), 0)  # the server was begun anew meanwhile
    assert len(rows(data)) == 1
    session.accept(0, checksum(session.draft(0).mask), 9.5)
    assert [row["seconds"] for row in rows(data)] == ["7.2", "9.5"]


def test_accept__of_a_mask_of_another_kind_leaves_one(tmp_path):
    data = write_images(tmp_path, 3, masks=3)
    old = data / "masks/case_1_mask.gif"
    with Image.open(data / "masks/case_1.png") as mask:
        mask.save(old)
    (data / "masks/case_1.png").unlink()
    content = old.read_bytes()
    session = open_session(data)
    number = number_of(session, "case_1")
    stroke(session, number, 0)
    accept(session, number)
    assert sorted(file.name for file in (data / "masks").iterdir()) == [
        *("case_0.png", "case_1.png", "case_2.png")
    ]
    [backup] = (data / ".crosslevel/backups").rglob("*.gif")
    assert backup.read_bytes() == content
    assert find_cases(data).problems == []


def test_accept__of_an_unchanged_mask_leaves_its_file(tmp_path):
    data = write_images(tmp_path, 1, masks=1)
    touching = np.zeros((HEIGHT, WIDTH), np.uint8)
    touching[:9, :9], touching[:9, 9:20] = 1, 2
    Image.fromarray(touching).save(data / "masks/case_0.png")
    before = (data / "masks/case_0.png").read_bytes()
    session = open_session(data)
    object.__setattr__(session.files, "classes", Classes(instances=True))
    accept(session, 0)
    assert (data / "masks/case_0.png").read_bytes() == before
    assert [row["pixels_changed"] for row in rows(data)] == ["0"]
    assert not (data / ".crosslevel/backups").exists()


def test_session__says_that_a_changed_mask_has_no_borders_between_objects(tmp_path):
    setting = open_session(write_images(tmp_path, 1)).setting
    assert not Session(setting).warnings
    [line] = Session(replace(setting, classes=Classes(instances=True))).warnings
    assert "without borders between objects that touch" in line


@pytest.mark.parametrize("masks", [0, 1])
def test_accept__replaces_a_mask_of_another_program_only_when_that_was_said(tmp_path, masks):
    data = write_images(tmp_path, 1, masks)
    session = open_session(data)
    stroke(session, 0, 10)
    theirs = np.zeros((HEIGHT, WIDTH), np.uint8)
    theirs[30:50] = 255
    (data / "masks").mkdir(exist_ok=True)
    Image.fromarray(theirs).save(data / "masks/case_0.png")
    for again in (session, open_session(data)):
        with pytest.raises(
            InputError, match=r"case_0\.png: another program changed .* Accept again"
        ):
            accept(again, 0)
        assert len(again.draft(0).strokes) == 1
    mine = session.draft(0).mask
    accept(session, 0)
    [backup] = (data / ".crosslevel/backups").rglob("*.png")
    with Image.open(backup) as kept, Image.open(data / "masks/case_0.png") as written:
        assert np.array_equal(np.asarray(kept), theirs)
        assert np.array_equal(np.asarray(written) > 0, mine > 0)


@pytest.mark.parametrize("masks", [0, 1])
def test_accept__shows_a_mask_of_another_program_on_an_untouched_image(tmp_path, masks):
    data = write_images(tmp_path, 1, masks)
    session = open_session(data)
    shown = checksum(session.draft(0).mask)
    theirs = np.full((HEIGHT, WIDTH), 255, np.uint8)
    (data / "masks").mkdir(exist_ok=True)
    Image.fromarray(theirs).save(data / "masks/case_0.png")
    with pytest.raises(InputError, match=r"another program changed this mask\. It is shown now"):
        session.accept(0, shown, 0)
    assert session.draft(0).begun_from == "mask"
    assert session.draft(0).mask.all()
    assert session.status(session.items[0]) == "done"
    (data / "masks/case_0.png").unlink()
    session.restart(0)
    assert session.draft(0).begun_from == "from_scratch"
    assert session.status(session.items[0]) == "todo"


def test_accept__refuses_what_the_page_does_not_show(tmp_path):
    session = open_session(write_images(tmp_path, 2))
    stroke(session, 0, 10)
    with pytest.raises(InputError, match="shows another mask"):
        session.accept(0, 1, 0)
    assert not (tmp_path / "annotations.csv").exists()


def test_classes__are_written_in_their_values(tmp_path):
    data = write_images(tmp_path, 2)
    session = open_session(data, polyp=40, tool=200)
    stroke(session, 0, 0, 1)
    stroke(session, 0, 10, 2)
    accept(session, 0)
    case = session.items[0].case
    with Image.open(session.items[0].target) as mask:
        assert set(np.unique(np.asarray(mask))) == {0, 40, 200}
    indices = read_case_mask(case, session.setting.classes)
    assert (indices[3, 1], indices[3, 11]) == (1, 2)


def test_session__goes_on_where_it_was(tmp_path):
    data = write_images(tmp_path, 4)
    session = open_session(data)
    stroke(session, 1, 10)
    stroke(session, 1, 20)
    session.move(1, 1, 4.0)
    session.mark(2, "unsure", "a fold?")
    again = open_session(data)
    assert again.queue.order == session.queue.order
    assert (again.draft(1).cursor, len(again.draft(1).strokes), again.draft(1).seconds) == (1, 2, 4)
    assert [again.status(item) for item in again.items] == ["todo", "draft", "unsure", "todo"]
    assert again.state()["images"][2]["note"] == "a fold?"


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


def test_second_server__is_told_where_the_first_one_is(tmp_path):
    work = WorkFolder(write_images(tmp_path, 1))
    with work.locked() as tell_others:
        with pytest.raises(InputError, match="annotated already, by a server that is just st"):
            work.locked().__enter__()
        tell_others("http://127.0.0.1:8642")
        with pytest.raises(InputError, match=r"annotated already, at http://127.0.0.1:8642"):
            work.locked().__enter__()
    with work.locked():
        pass


def test_server__starts_where_its_address_cannot_be_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("crosslevel.annotate.work_folder.write_text", full)
    with WorkFolder(tmp_path).locked() as tell_others:
        tell_others("http://127.0.0.1:8642")
        with pytest.raises(InputError, match="annotated already, by a server"):
            WorkFolder(tmp_path).locked().__enter__()


def test_token__is_the_same_each_time_and_for_the_owner_alone(tmp_path):
    work = WorkFolder(tmp_path)
    assert work.token() == WorkFolder(tmp_path).token()
    assert len(work.token()) >= 16
    assert (work.path / "token").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "damage",
    [
        {"annotations.csv": "a,b\n1,2\n"},
        {".crosslevel/marks.json": "{"},
    ],
)
def test_session__refuses_files_that_it_would_spoil(tmp_path, damage):
    write_images(tmp_path, 2)
    for name, content in damage.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError):
        open_session(tmp_path)


def test_annotations__that_a_spreadsheet_saved_meanwhile_are_read_or_refused(tmp_path):
    session = open_session(write_images(tmp_path, 4))
    for number in range(3):
        accept(session, number)
    file = tmp_path / "annotations.csv"
    head, first, second, third = file.read_text().splitlines()
    changed = [head, first.replace("7.2", '"7,2"'), second.replace("7.2", "nan"), third]
    file.write_text("\ufeff" + "\n".join(changed))
    assert (session.state()["median_seconds"], session.state()["today"]) == (7.2, 3)
    accept(session, 3)
    assert [row["image"] for row in provenance.read(file)][3] == "images/case_3.png"
    file.write_text(file.read_text().replace(",", ";"))
    for work in (session.state, lambda: accept(session, 3)):
        with pytest.raises(InputError, match=r"annotations.csv has the columns image;who;"):
            work()


def work_until_killed(data, seed, told):
    """Strokes, undos and accepted masks without end; says each before and after it is done."""
    rng = random.Random(seed)
    session = open_session(data)
    while True:
        number = rng.randrange(len(session.items))
        draft = session.draft(number)
        kind = rng.choice(["stroke", "stroke", "stroke", "undo", "accept"])
        os.write(told, f"> {number} {kind} {draft.cursor}\n".encode())
        if kind == "stroke":
            stroke(session, number, rng.randrange(WIDTH - 4), rng.randrange(2))
        elif kind == "undo" and draft.cursor:
            session.move(number, draft.cursor - 1, 0)
        elif kind == "accept":
            accept(session, number)
        after = session.draft(number)
        shown = f"{after.cursor} {len(after.strokes)} {checksum(after.mask)}"
        os.write(told, f"< {number} {kind} {shown}\n".encode())


def kill_during_work(data, seed):
    """What a process said that was killed at a random moment."""
    reading, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            work_until_killed(data, seed, told)
        finally:
            os._exit(1)
    os.close(told)
    with os.fdopen(reading) as said:
        first = said.readline()
        time.sleep(random.Random(seed).uniform(0, 0.15))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return (first + said.read()).splitlines()


def test_sigkill__at_random_moments_loses_the_stroke_under_way_at_most(tmp_path):
    data = write_images(tmp_path, 3, masks=1)
    known: dict[int, str] = {}
    for seed in range(20):
        lines = kill_during_work(data, seed)
        for line in lines:
            if line.startswith("< "):
                number, _, shown = line[2:].split(" ", 2)
                known[int(number)] = shown
        is_under_way = lines[-1].startswith("> ")
        doing = int(lines[-1].split()[1]) if is_under_way else None
        session = open_session(data)
        for number, shown in known.items():
            draft = session.draft(number)
            found = f"{draft.cursor} {len(draft.strokes)} {checksum(draft.mask)}"
            if number == doing:
                known[number] = found
            else:
                assert found == shown, (seed, number)
        for item in session.items:
            if item.case.mask:  # whole, of the image's size
                assert session.files.read(item.case, (HEIGHT, WIDTH)).shape == (HEIGHT, WIDTH)
        assert find_cases(data).problems == []
    accepted = [line for line in (data / "annotations.csv").read_text().splitlines() if line]
    assert all(line.count(",") == 7 for line in accepted)


def test_draft__of_an_image_that_is_replaced_by_one_of_another_size_begins_anew(tmp_path):
    session = open_session(write_images(tmp_path, 1))
    stroke(session, 0, 10)
    shown = checksum(session.draft(0).mask)
    Image.new("RGB", (30, 20)).save(tmp_path / "images/case_0.png")
    with pytest.raises(InputError, match="shows another mask"):
        session.accept(0, shown, 0)
    stroke(session, 0, 3)
    accept(session, 0)
    with Image.open(tmp_path / "masks/case_0.png") as mask:
        assert mask.size == (30, 20)


def test_draft__of_an_image_of_another_size_is_not_used(tmp_path):
    draft = Draft(tmp_path / "d", np.zeros((4, 4), np.uint8), "from_scratch", "", 1)
    draft.do(0, "brush", Patch(0, 0, np.ones((1, 1), np.uint8)), 0, "")
    assert Draft.load(tmp_path / "d", (5, 5), 1) is None
