from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from crosslevel.annotate.patches import checksum
from crosslevel.annotate.session import Session
from crosslevel.data.cases import find_cases
from crosslevel.data.reading import read_case_mask
from crosslevel.errors import InputError
from crosslevel.types import Classes
from support.annotating import (
    HEIGHT,
    WIDTH,
    accept,
    number_of,
    open_session,
    rows,
    stroke,
    write_images,
)


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


def test_accept__shows_a_mask_of_another_program_beside_a_base_that_was_left_alone(tmp_path):
    """As of a process that was killed before the first stroke was in its log."""
    data = write_images(tmp_path, 1, 0)
    session = open_session(data)
    stroke(session, 0, 2)
    (log,) = data.rglob("log.jsonl")
    log.unlink()
    session = open_session(data)
    (data / "masks").mkdir(exist_ok=True)
    Image.fromarray(np.full((HEIGHT, WIDTH), 255, np.uint8)).save(data / "masks/case_0.png")
    with pytest.raises(InputError, match="It is shown now"):
        session.accept(0, checksum(session.draft(0).mask), 0)
    assert session.draft(0).mask.all()


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
