"""What is said when a run goes on that was started with another method file, data or machine."""

from __future__ import annotations

from collections.abc import Iterator

from crosslevel.runs.records import Environment


def about_resuming(method: str, begun: Environment, now: Environment) -> Iterator[str]:
    """Yield a line on each thing that is not as it was when the run was started.

    Args:
        method: Its name.
        begun: As written down at the start; what an earlier version did not write is passed over.
        now: Of this process.
    """
    if begun.method_source and begun.method_source != now.method_source:
        yield (
            f"the file of {method} is not the one this run was started with: steps from here on "
            "are the new one's. Use another --out to train with it from the start."
        )
    if begun.threads and begun.threads != now.threads:
        yield (
            f"the run was started with {begun.threads} threads and goes on with {now.threads}: "
            "sums are rounded in another order, so its weights will not be those of a run without "
            f"a break. --threads {begun.threads} makes them so."
        )
    if begun.num_masks is not None and now.num_masks is not None:
        more = now.num_masks - begun.num_masks
        if more > 0:
            yield (
                f"{more} new masks: the data has {now.num_masks} now, and {begun.num_masks} when "
                "this run was started. It goes on with those it has. To learn from all, train with "
                "another --out; --from RUN starts from what this run has learnt."
            )
