import os
import random
import signal
import time
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from crosslevel.annotate.drafts import Draft
from crosslevel.annotate.patches import Patch, checksum
from crosslevel.data.cases import find_cases, index_cases
from crosslevel.errors import InputError
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


def test_accept__refuses_what_the_page_does_not_show(tmp_path):
    session = open_session(write_images(tmp_path, 2))
    stroke(session, 0, 10)
    with pytest.raises(InputError, match="shows another mask"):
        session.accept(0, 1, 0)
    assert not (tmp_path / "annotations.csv").exists()


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
