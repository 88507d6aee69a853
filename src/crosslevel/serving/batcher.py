"""Images of many callers go through the network together, a batch at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue

from crosslevel.inference.runtimes import Image, Probabilities

_Waiting = tuple[Image, "Future[Probabilities]"]


class Batcher:
    """A thread that computes what others wait for: all that is waiting, up to a batch.

    Nobody waits for a batch to fill: under load it fills while the last one is computed.

    Args:
        forward: B images → (B, C, S, S).
        batch_size: The most at a time.

    Example:
        >>> import numpy as np
        >>> batcher = Batcher(lambda images: np.stack([i[None, ..., 0] for i in images]), 4)
        >>> batcher(np.full((2, 2, 3), 7, np.uint8)).tolist()
        [[[7, 7], [7, 7]]]
        >>> batcher.close()
    """

    def __init__(
        self, forward: Callable[[Sequence[Image]], Probabilities], batch_size: int
    ) -> None:
        self._forward, self._batch_size = forward, batch_size
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="network", daemon=True)
        self._thread.start()

    def __call__(self, image: Image) -> Probabilities:
        """Map (S, S, 3) → (C, S, S); the thread that calls waits."""
        answer: Future[Probabilities] = Future()
        self._waiting.put((image, answer))
        return answer.result()

    def close(self) -> None:
        """End the thread when all that was asked before is answered."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < self._batch_size and not self._waiting.empty():
                another = self._waiting.get()
                if another is None:
                    self._waiting.put(None)
                    break
                batch.append(another)
            self._answer(batch)

    def _answer(self, batch: Sequence[_Waiting]) -> None:
        try:
            found = self._forward([image for image, _ in batch])
        except Exception as error:  # whoever waits gets it
            for _, answer in batch:
                answer.set_exception(error)
            return
        for (_, answer), probability in zip(batch, found, strict=True):
            answer.set_result(probability)
