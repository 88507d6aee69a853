"""The order of the images: by luck it stays, by a model it follows what that says."""

import pytest

from crosslevel.annotate.suggestions import Suggestions
from support.annotating import calibrate, open_session, save_network, write_images

NUM = 8


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = save_network(tmp_path_factory.mktemp("queue") / "model")
    calibrate(folder)
    return folder


def names(session):
    ordered = (session.items[number].case for number in session.queue.order)
    return [case.id for case in ordered if case.mask is None]


def looked(session, model):
    """Let a model look at all images, and wait for it."""
    suggestions = Suggestions(session.work, model, "first", print)
    session.use(suggestions)
    assert suggestions._thread is not None
    suggestions._thread.join()
    return suggestions


def test_order__by_luck_stays_when_masks_models_and_images_are_new(tmp_path, model):
    session = open_session(write_images(tmp_path, NUM), ranking="random")
    before = names(session)
    assert before != sorted(before)
    looked(session, model)
    assert (names(session), session.queue.ranking) == (before, "random")
    write_images(tmp_path, NUM + 3, masks=2)
    again = names(open_session(tmp_path, ranking="random"))
    assert {"case_0", "case_1"}.isdisjoint(again)
    assert len(again) == NUM + 1
    assert [name for name in again if name in before] == [n for n in before if n in again]


def test_rank_by__orders_at_once_what_a_model_has_seen_and_luck_comes_back(tmp_path, model):
    session = open_session(write_images(tmp_path, NUM), ranking="random")
    by_luck = names(session)
    session.rank_by("uncertainty")
    assert (names(session), session.queue.ranking) == (by_luck, "random")
    assert session.state()["wanted"] == "uncertainty"
    looks = looked(session, model).looks
    by_doubt = sorted(looks, key=lambda name: looks[name].sureness)
    assert (names(session), session.queue.ranking) == (by_doubt, "uncertainty")
    assert session.state()["doubt_from"] == "expected_dice"
    version = session.queue.version
    session.rank_by("random")
    assert (names(session), session.queue.doubt_from) == (by_luck, "")
    session.rank_by("uncertainty")
    assert names(session) == by_doubt
    assert session.queue.version == version + 2


def test_order__of_a_model_is_kept_for_who_asks_for_it_alone(tmp_path, model):
    session = open_session(write_images(tmp_path, NUM), ranking="uncertainty")
    by_luck = names(session)
    looked(session, model)
    kept = names(session)
    assert kept != by_luck
    assert names(open_session(tmp_path, ranking="uncertainty")) == kept
    assert names(open_session(tmp_path, ranking="random")) == by_luck
    assert names(open_session(tmp_path, ranking="diversity")) == by_luck
