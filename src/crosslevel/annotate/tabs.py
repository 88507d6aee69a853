"""Which tab of a browser works: one at a time, the others are told and may take over."""

from __future__ import annotations

import threading

from crosslevel.errors import InputError


class OtherTabError(InputError):
    """Another tab works on the folder."""


class Tabs:
    """The tabs that are connected, of which one holds the folder."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connected: dict[str, int] = {}
        self._wrote: dict[int, str] = {}
        self.holder = ""

    def connect(self, tab: str) -> None:
        """Say that a tab listens; the first one holds the folder."""
        with self._lock:
            self._connected[tab] = self._connected.get(tab, 0) + 1
            if not self.holder:
                self.holder = tab

    def disconnect(self, tab: str) -> None:
        """Say that a tab has gone; whoever is still there may take over."""
        with self._lock:
            self._connected[tab] = self._connected.get(tab, 1) - 1
            if self._connected[tab] <= 0:
                del self._connected[tab]
                if self.holder == tab:
                    self.holder = ""

    def release(self, tab: str) -> None:
        """Say that a tab is being closed or reloaded: the next to connect holds the folder."""
        with self._lock:
            if self.holder == tab:
                self.holder = ""

    def take_over(self, tab: str) -> None:
        """Let a tab hold the folder from now on."""
        with self._lock:
            self.holder = tab

    def wrote(self, tab: str, image: int) -> None:
        """Say that a tab changed an image."""
        with self._lock:
            self._wrote[image] = tab

    def is_overtaken(self, tab: str, image: int) -> bool:
        """Return whether the last tab that changed an image is another one."""
        with self._lock:
            return self._wrote.get(image, tab) != tab

    def check(self, tab: str) -> None:
        """Refuse work of a tab that does not hold the folder; where none does, it does now.

        Raises:
            OtherTabError: Another one holds it.
        """
        with self._lock:
            if not self.holder:
                self.holder = tab
            if self.holder != tab:
                raise OtherTabError(
                    "This folder is open in another tab, which may have changed it. Work there, "
                    "or take over here."
                )
