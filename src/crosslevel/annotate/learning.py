"""From masks to a better model and back: suggestions, order and training of one session."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

from crosslevel.annotate.retraining import Job, Retraining, newest_run
from crosslevel.annotate.session import Session
from crosslevel.annotate.suggestions import Suggestions
from crosslevel.data.split import Split
from crosslevel.errors import CrosslevelError, InputError
from crosslevel.runs.folder import RunFolder

FEWEST_MASKS = 3
"""With which `train` can split: one to learn from, one to validate, one to test."""
FEWEST_HELD_OUT = 2
"""New masks without which nothing is left to score a run on that starts from another."""


class Learning:
    """A session with the model that helps it.

    Args:
        session: What is annotated.
        run: A run or model folder to begin with, if there is one.
        options: Further words for `crosslevel train`.
        every: Masks after which it trains by itself; 0 for never.

    Attributes:
        is_loading: A model is on its way.
        model_note: Why the model that was asked for suggests nothing; "" if it does.
    """

    def __init__(
        self, session: Session, run: Path | None, options: Sequence[str], every: int = 0
    ) -> None:
        self.session, self._run, self._every = session, run, every
        self._retraining = Retraining(session.work, options, self._learned)
        self._trained_with = session.num_masks
        self.is_loading, self.model_note = False, ""
        newest = newest_run(session.work)
        if newest is not None:
            self._run = newest.path
            session.setting.say(f"The model is that of the last round here, {newest.path}")

    def start(self) -> None:
        """Load the model in a thread, so that the page is there at once."""
        if self._run is not None:
            self.is_loading = True
            threading.Thread(target=self._load, args=(self._run,), daemon=True).start()

    @property
    def job(self) -> Job:
        """The training under way, or the last one."""
        return self._retraining.job

    @property
    def can_train(self) -> bool:
        """Whether there are masks enough."""
        return self.session.num_masks >= FEWEST_MASKS

    def retrain(self) -> None:
        """Begin a training with the masks so far.

        Raises:
            InputError: If there are too few, or one is under way.
        """
        num_masks = self.session.num_masks
        if num_masks < FEWEST_MASKS:
            raise InputError(
                f"There are {num_masks} masks; learning needs at least {FEWEST_MASKS}. Accept more."
            )
        if not self._retraining.start(num_masks, self.start_words()):
            raise InputError("A training is under way. Wait for it, or stop it.")
        self._trained_with = num_masks

    def start_words(self) -> list[str]:
        """Return the options with which `train` starts from the run in use; none without one.

        A model folder by itself does not say what it was tested on, so it is not started from; nor
        is a run that has learned from so many of the masks that none could be scored.
        """
        if self._run is None or not RunFolder(self._run).config_file.is_file():
            return []
        if not self._can_be_scored(Split.load(RunFolder(self._run).split_file)):
            self.session.setting.say("Fewer than 2 masks are new: the training starts anew")
            return []
        from crosslevel.models.folder import load_card  # it imports torch

        words = ["--from", str(self._run)]
        for name, value in load_card(RunFolder(self._run).model_folder).model.to_dict().items():
            if name != "weights" and value is not None:
                words += [f"--model.{name}", value if isinstance(value, str) else json.dumps(value)]
        return words

    def _can_be_scored(self, before: Split) -> bool:
        """Return whether masks can be held out of a training that starts from a run."""
        masked = [item.case for item in self.session.items if item.case.mask]
        learned = {case.group or case.id for case in masked if case.id in before.train_labelled}
        new = {case.group or case.id for case in masked} - learned
        return bool(before.val) or len(new) >= FEWEST_HELD_OUT

    def retrain_if_due(self) -> None:
        """Begin a training if there are enough new masks for it; why it cannot begin is said.

        The mask that was accepted is saved whatever comes of this, so nothing is raised.
        """
        new = self.session.num_masks - self._trained_with
        if self._every and new >= self._every and self.can_train and self.job.state != "running":
            try:
                self.retrain()
            except (CrosslevelError, OSError) as error:  # as while one that was stopped ends
                self.session.setting.say(f"warning: no training was begun: {error}")

    def stop(self) -> None:
        """End the training under way, if there is one."""
        self._retraining.stop()

    def close(self) -> None:
        """End all that works beside the page."""
        self._retraining.stop()
        self.session.close()

    def _learned(self, run: RunFolder) -> None:
        self._run = run.path
        self._load(run.path)

    def _load(self, run: Path) -> None:
        try:
            self.model_note = self._load_or_say_why(run)
        finally:
            self.is_loading = False
            self.session.queue.changed()

    def _load_or_say_why(self, run: Path) -> str:
        from crosslevel.inference.segmenter import model_folder  # it imports torch

        session = self.session
        try:
            folder = model_folder(run)
            suggestions = Suggestions(session.work, folder, run.name, session.setting.say)
            self._check(suggestions)
        except CrosslevelError as error:
            session.setting.say(f"warning: no suggestions: {error}")
            return f"No suggestions: {error}"
        session.use(suggestions)
        return ""

    def _check(self, suggestions: Suggestions) -> None:
        found, expected = suggestions.classes, self.session.setting.classes.names
        if len(found) != len(expected):
            raise InputError(
                f"The model has {len(found)} classes ({', '.join(found)}), the masks have "
                f"{len(expected)} ({', '.join(expected)}). Start again with --classes of the "
                "model, or without --run."
            )
