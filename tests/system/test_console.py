import io
import re

import pytest
from rich.console import Console

from crosslevel.system import console
from crosslevel.system.console import Reporter, duration

NOTE = "epoch 12 supervised 0.123 contrast 0.456 consistency 0.789 best Dice 81.2"


class Clock:
    """Takes the place of the module `time`; it stands still unless told."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(console, "time", clock)
    return clock


def off_terminal():
    screen = io.StringIO()
    return Reporter(console=Console(file=screen, width=80)), screen


def on_terminal(width=80):
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=width, color_system=None)
    return Reporter(console=terminal), screen


def last_frame(screen):
    """The lines the bar leaves behind, without control codes."""
    frame = screen.getvalue().split("\x1b[2K")[-1]
    return re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", frame).strip("\n").split("\n")


def test_say__keeps_a_long_line_whole_and_brackets_as_they_are():
    line = "a [bold]path[/bold] of " + "many words " * 20 + "indeed"
    for reporter, screen in (off_terminal(), on_terminal()):
        reporter.say(line)
        assert screen.getvalue() == line + "\n"


def test_reporter__is_on_standard_error(capsys):
    Reporter().say("hello")
    assert capsys.readouterr() == ("", "hello\n")


def test_reporter__quiet_says_nothing(capsys):
    reporter = Reporter(quiet=True)
    reporter.say("hello")
    with reporter.task("Training", 1) as advance, reporter.bytes_task("Downloading") as show:
        advance()
        show(1, 1)
    assert capsys.readouterr() == ("", "")


def test_task__off_a_terminal_is_a_line_in_ten_seconds_and_one_at_the_end(clock):
    reporter, screen = off_terminal()
    with reporter.task("Training", 100) as advance:
        for step in range(100):
            clock.now += 0.6
            advance(1, f"loss {step}")
    assert screen.getvalue().splitlines() == [
        "Training  17/100  loss 16  50 s left",
        "Training  34/100  loss 33  40 s left",
        "Training  51/100  loss 50  29 s left",
        "Training  68/100  loss 67  19 s left",
        "Training  85/100  loss 84  9 s left",
        "Training  100/100  loss 99  in 1 min 0 s",
    ]


def test_task__estimates_from_what_was_done_now_not_before(clock):
    reporter, screen = off_terminal()
    with reporter.task("Training", 100, done=80) as advance:
        clock.now += 20
        advance(10)
    assert screen.getvalue() == "Training  90/100  20 s left\n"


def test_task__that_is_done_already_says_nothing(clock):
    reporter, screen = off_terminal()
    with reporter.task("Training", 6, done=6):
        clock.now += 1
    assert screen.getvalue() == ""


def test_task__says_its_end_once(clock):
    reporter, screen = off_terminal()
    with reporter.task("Predicting", 2) as advance:
        advance(2)
        advance(0)
    assert screen.getvalue() == "Predicting  2/2  in 0 s\n"


def test_task__without_a_part_done_has_no_time_left(clock):
    reporter, screen = off_terminal()
    with reporter.task("Training", 6) as advance:
        clock.now += 30
        advance(0, "starting")
    assert screen.getvalue() == "Training  0/6  starting\n"


def test_task__of_nothing(clock):
    reporter, screen = off_terminal()
    with reporter.task("Checking", 0):
        clock.now += 30
    assert screen.getvalue() == ""


def test_bytes_task__off_a_terminal_starts_again_with_the_next_file(clock):
    reporter, screen = off_terminal()
    with reporter.bytes_task("Downloading") as show:
        for total in (40_000_000, 20_000_000):
            for done in range(4_000_000, total + 1, 4_000_000):
                clock.now += 2
                show(done, total)
    assert screen.getvalue().splitlines() == [
        "Downloading  20.0 MB of 40.0 MB  10 s left",
        "Downloading  40.0 MB of 40.0 MB  in 18 s",
        "Downloading  20.0 MB of 20.0 MB  in 8 s",
    ]


def test_bytes_task__of_unknown_length(clock):
    reporter, screen = off_terminal()
    with reporter.bytes_task("Downloading") as show:
        for done in (1_000, 2_000):
            clock.now += 6
            show(done, None)
    assert screen.getvalue() == "Downloading  2.0 kB\n"


@pytest.mark.parametrize("width", [80, 160])
def test_task__on_a_terminal_shows_the_whole_note_and_cuts_nothing(width):
    reporter, screen = on_terminal(width)
    with reporter.task("clcc (fp32) [x]", 90_000, done=40_000) as advance:
        advance(1, NOTE)
        advance(1, NOTE)
    lines = last_frame(screen)
    assert all(len(line) <= width for line in lines)
    assert re.match(r"clcc \(fp32\) \[x\] .* 40002/90000 +[\d:-]+ epoch 12 ", lines[0])
    assert " ".join(" ".join(lines).split()).endswith(NOTE)


def test_task__on_a_terminal_ends_with_the_time_it_took():
    reporter, screen = on_terminal()
    with reporter.task("Checking", 2) as advance:
        advance()
        advance()
    assert re.search(r"2/2 00:00", last_frame(screen)[0])


def test_bytes_task__on_a_terminal_shows_size_and_starts_again():
    reporter, screen = on_terminal()
    with reporter.bytes_task("Downloading") as show:
        show(40_000_000, 40_000_000)
        show(5_000_000, 20_000_000)
    assert "5.0/20.0 MB" in last_frame(screen)[0]


def test_say__on_a_terminal_goes_above_the_bar():
    reporter, screen = on_terminal()
    with reporter.task("Checking", 2) as advance:
        advance()
        reporter.say("warning: look")
    assert "warning: look\n" in screen.getvalue()
    assert "1/2" in last_frame(screen)[0]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min 0 s"), (3599.4, "59 min 59 s"), (86_400, "24 h 0 min")],
)
def test_duration__is_rounded_first(seconds, text):
    assert duration(seconds) == text
