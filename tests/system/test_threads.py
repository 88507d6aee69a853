"""One function over many items: in order, in threads where they pay, never far ahead."""

import threading
import time

import pytest

from crosslevel.system.threads import map_files, one_ahead


def slow(item):
    time.sleep(0.002)
    return threading.current_thread().name, item


def quick(item):
    return threading.current_thread().name, item


@pytest.mark.parametrize("count", [0, 1, 31, 33, 200])
@pytest.mark.parametrize("function", [quick, slow])
def test_map_files__keeps_the_order(function, count):
    assert [item for _, item in map_files(function, range(count))] == list(range(count))


def test_map_files__slow_items_go_to_threads_and_quick_ones_do_not():
    here = threading.current_thread().name
    assert {name for name, _ in map_files(quick, range(200))} == {here}
    assert here not in {name for name, _ in list(map_files(slow, range(200)))[32:]}


def test_map_files__one_slow_item_of_a_cold_disk_does_not_decide():
    here = threading.current_thread().name
    names = [name for name, _ in map_files(lambda i: (slow if i == 0 else quick)(i), range(200))]
    assert set(names) == {here}


def test_map_files__does_not_run_far_ahead_of_who_takes_the_results():
    done = []
    results = map_files(lambda item: done.append(slow(item)), range(10_000))
    for _ in range(40):
        next(results)
    time.sleep(0.3)
    assert len(done) < 2_000


def test_map_files__raises_what_the_function_raises():
    def refuse(item):
        time.sleep(0.001)
        if item == 100:
            raise ValueError(item)

    with pytest.raises(ValueError, match="100"):
        list(map_files(refuse, range(200)))


@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_one_ahead__keeps_the_order(count):
    assert [item for _, item in one_ahead(quick, range(count))] == list(range(count))


def test_one_ahead__computes_the_next_while_one_is_used_and_no_more():
    started = []
    results = one_ahead(lambda item: started.append(item), range(10))
    next(results)
    time.sleep(0.1)
    assert started == [0, 1]
    next(results)
    time.sleep(0.1)
    assert started == [0, 1, 2]


def test_one_ahead__raises_what_the_function_raises_in_its_turn():
    results = one_ahead(lambda item: 1 // item, (1, 0, 1))
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
