import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosslevel.annotate.drafts import Draft
from crosslevel.annotate.patches import Patch
from crosslevel.errors import InputError

SIZE = (4, 5)


def new(folder):
    return Draft(folder / "draft", np.zeros(SIZE, np.uint8), "suggestion", "first:1234", 2)


def one(value, x=0, y=0):
    return Patch(x, y, np.full((1, 1), value, np.uint8))


def again(draft):
    found = Draft.load(draft.folder, SIZE, 2)
    assert found is not None
    return found


def test_draft__is_there_again_with_all_that_can_be_undone(tmp_path):
    draft = new(tmp_path)
    draft.do(0, "brush", one(1), 1.5, "2026-01-01")
    draft.do(1, "eraser", one(2, 3, 2), 2.5, "2026-01-02")
    draft.move(1, 3.5)
    found = again(draft)
    assert [stroke.tool for stroke in found.strokes] == ["brush", "eraser"]
    assert (found.cursor, found.seconds, found.started) == (1, 3.5, "2026-01-01")
    assert (found.begun_from, found.model) == ("suggestion", "first:1234")
    assert found.mask.sum() == 1
    found.move(2, 3.5)
    assert again(found).mask[2, 3] == 2


def test_do__after_an_undo_drops_what_was_undone(tmp_path):
    draft = new(tmp_path)
    for at in range(3):
        draft.do(at, "brush", one(1, at), 0, "")
    draft.move(1, 0)
    draft.do(1, "brush", one(2, 4, 3), 0, "")
    assert len(again(draft).strokes) == 2
    assert np.argwhere(again(draft).mask).tolist() == [[0, 0], [3, 4]]


def test_do__refuses_a_page_that_lacks_a_stroke(tmp_path):
    draft = new(tmp_path)
    draft.do(0, "brush", one(1), 0, "")
    for tool, patch, seconds in [("brush", one(2), 0), ("brush", one(1), 9), ("eraser", one(1), 0)]:
        with pytest.raises(InputError, match="page is at stroke 0, the draft at 1"):
            draft.do(0, tool, patch, seconds, "")
    assert len(again(draft).strokes) == 1


def test_do__of_a_stroke_that_is_sent_again_counts_once(tmp_path):
    draft = new(tmp_path)
    draft.do(0, "brush", one(1), 1.5, "")
    draft.do(0, "brush", one(1), 1.5, "")
    found = again(draft)
    found.do(0, "brush", one(1), 1.5, "")  # the server was begun anew meanwhile
    found.do(1, "brush", one(2, 3), 2.5, "")
    assert (len(found.log_file.read_bytes().splitlines()), found.cursor) == (2, 2)


def test_do__goes_on_behind_what_a_full_disk_left_of_a_stroke(tmp_path):
    draft = new(tmp_path)
    draft.do(0, "brush", one(1), 0, "")
    for at in (1, 2):
        with draft.log_file.open("ab") as log:
            log.write(b'{"at":1,"seco')  # and the write failed
        draft.do(at, "brush", one(1, at), 0, "")
    assert again(draft).mask[0].tolist() == [1, 1, 1, 0, 0]


def test_move__to_where_an_untouched_image_is_writes_nothing(tmp_path):
    new(tmp_path).move(0, 1.0)
    assert list(tmp_path.iterdir()) == []


def test_load__of_any_torn_log_loses_one_stroke_at_most(tmp_path):
    draft = new(tmp_path)
    for at in range(4):
        draft.do(at, "brush", one(1, at), 0, "")
    whole = draft.log_file.read_bytes()
    lines = whole.splitlines(keepends=True)
    for end in range(len(whole) + 1):
        draft.log_file.write_bytes(whole[:end])
        num_whole = sum(sum(map(len, lines[: n + 1])) <= end for n in range(4))
        found = again(draft)
        assert found.cursor == num_whole
        found.do(num_whole, "brush", one(2, 4), 0, "")
        assert again(found).mask[0].tolist() == [1] * num_whole + [0] * (4 - num_whole) + [2]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(st.integers(0, 19), st.just("undo"), st.just("redo")), max_size=25))
def test_history__is_that_of_a_list_of_masks(tmp_path_factory, actions):
    draft = new(tmp_path_factory.mktemp("history"))
    masks, cursor = [np.zeros(SIZE, np.uint8)], 0
    for action in actions:
        if action == "undo" and cursor:
            cursor -= 1
            draft.move(cursor, 0)
        elif action == "redo" and cursor < len(masks) - 1:
            cursor += 1
            draft.move(cursor, 0)
        elif isinstance(action, int):
            changed = masks[cursor].copy()
            changed.flat[action] ^= 1
            row, column = divmod(action, SIZE[1])
            draft.do(cursor, "brush", one(changed[row, column], column, row), 0, "")
            masks[cursor + 1 :] = [changed]
            cursor += 1
    assert np.array_equal(draft.mask, masks[cursor])
    if draft.folder.exists():
        assert np.array_equal(again(draft).mask, masks[cursor])


def test_remove__leaves_nothing(tmp_path):
    draft = new(tmp_path)
    draft.do(0, "brush", one(1), 0, "")
    draft.remove()
    assert list(tmp_path.iterdir()) == []


def test_do__on_an_image_of_another_size_sets_the_draft_before_it_aside(tmp_path):
    new(tmp_path).do(0, "brush", one(1), 0, "2026-01-01")
    large = Draft(tmp_path / "draft", np.zeros((9, 9), np.uint8), "from_scratch", "", 2)
    large.do(0, "brush", one(1, 8, 8), 0, "2026-01-02")
    large.do(1, "brush", one(2, 7, 7), 0, "2026-01-02")
    found = Draft.load(large.folder, (9, 9), 2)
    assert found is not None
    assert np.array_equal(found.mask, large.mask)
    before = Draft.load(tmp_path / "draft.1", SIZE, 2)
    assert before is not None
    assert before.mask.sum() == 1


def test_load__says_that_classes_are_missing(tmp_path):
    draft = new(tmp_path)
    draft.do(0, "brush", one(2), 0, "2026-01-01")
    with pytest.raises(InputError, match=r"classes that are not given now.* --classes as before"):
        Draft.load(draft.folder, SIZE, 1)
