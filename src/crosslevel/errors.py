"""The errors a user can meet, each with the exit code the command line ends with.

Only errors a user can act on live here; a broken invariant of our own is an `AssertionError`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class CrosslevelError(Exception):
    """Base of every error that Crosslevel raises on purpose; the message says what to do."""

    exit_code = 1


class InputError(CrosslevelError, ValueError):
    """What the user gave (an argument, a configuration, a file) cannot be used."""

    exit_code = 2


class DataError(InputError):
    """One or more problems with the data, all reported at once.

    Args:
        problems: One line each, naming the file, what is wrong and what to do.
        remedy: For all of them together, if there is one.
    """

    def __init__(self, problems: Sequence[str], remedy: str = "") -> None:
        self.problems = [one_line(problem) for problem in problems]
        super().__init__("\n".join([*self.problems, *filter(None, [remedy])]))


def one_line(text: str) -> str:
    r"""Return the text with line breaks, control characters and bytes that are no UTF-8 escaped.

    Names of files may hold any of them.

    Example:
        >>> print(one_line("a\nb.png"))
        a\nb.png
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def did_you_mean(name: str, valid: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return a question that ends an error about an unknown name, empty if none is near.

    Example:
        >>> did_you_mean("clc", ["clcc", "cps"])
        " Did you mean 'clcc'?"
    """
    nearest = difflib.get_close_matches(name, list(valid), n=1, cutoff=cutoff)
    return f" Did you mean {nearest[0]!r}?" if nearest else ""


class RunError(CrosslevelError):
    """A run could not go on (for instance a loss that is not finite)."""


class Interrupted(CrosslevelError):  # noqa: N818 - it is a request, not an error
    """The user asked to stop; everything done so far is saved (128 + SIGINT, as shells expect)."""

    exit_code = 130
