"""What a training's data were like when it started: counts and shares, and what was left out.

It is made of what the check before a training finds anyway, and kept in the run folder, so that a
page can say it when the images are gone. It counts masks that were opened, and no others.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crosslevel.data.quality.bad_files import BadFile
from crosslevel.data.quality.findings import Findings
from crosslevel.data.quality.report import Spread
from crosslevel.data.split import Split
from crosslevel.types import Case, Classes


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSheet:
    """Counts and spreads of a data set.

    Attributes:
        num_images: All images that the data had, used or not.
        num_masks: Masks that there are for them.
        num_masks_opened: Masks that were opened: of images to learn from, to choose and to test.
        num_empty_masks: Those of them without foreground.
        height: Of the readable images, in pixels.
        width: Likewise.
        num_sizes: Different sizes.
        kinds: Images by what their pixels are ("8-bit colour").
        num_groups: Patients or sequences; 0 if nothing says them.
        groups: By part of the split, how many groups it has.
        classes: By class, shares (0…1) of the pixels of a mask that has it.
        masks_with: By class, how many opened masks show it.
        left_out: Why images were left out, and how many for each reason.
    """

    num_images: int
    num_masks: int
    num_masks_opened: int
    num_empty_masks: int
    height: Spread | None = None
    width: Spread | None = None
    num_sizes: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    num_groups: int = 0
    groups: dict[str, int] = field(default_factory=dict)
    classes: dict[str, Spread] = field(default_factory=dict)
    masks_with: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the content of the file."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> DataSheet:
        """Read what `to_json` wrote.

        Raises:
            ValueError: If it is not that.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            for name in ("height", "width"):
                content[name] = content[name] and Spread(**content[name])
            classes = content["classes"].items()
            return cls(**content | {"classes": {name: Spread(**s) for name, s in classes}})
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a data sheet ({error})") from error


def data_sheet(
    cases: Sequence[Case],
    found: Findings,
    classes: Classes,
    split: Split,
    bad_files: Sequence[BadFile],
) -> DataSheet:
    """Return the sheet of a data set.

    Args:
        cases: All of it.
        found: In its images, and in the masks that were opened.
        classes: How masks were read.
        split: Of the cases that are used.
        bad_files: What is done without.
    """
    sizes = [image.size for image in found.images.values()]
    shares = [mask.shares[1:] for mask in found.masks.values()]
    shown = {
        name: [share for share in column if share > 0]
        for name, column in zip(classes.names, zip(*shares, strict=True), strict=False)
    }
    return DataSheet(
        num_images=len(cases),
        num_masks=sum(case.mask is not None for case in cases),
        num_masks_opened=len(shares),
        num_empty_masks=sum(not any(of_mask) for of_mask in shares),
        height=Spread.of([height for height, _ in sizes]),
        width=Spread.of([width for _, width in sizes]),
        num_sizes=len(set(sizes)),
        kinds=dict(Counter(image.kind for image in found.images.values()).most_common()),
        num_groups=len({case.group for case in cases if case.group}),
        groups=_groups(cases, split),
        classes={name: spread for name, own in shown.items() if (spread := Spread.of(own))},
        masks_with={name: len(own) for name, own in shown.items()},
        left_out=_left_out(cases, split, bad_files),
    )


def _groups(cases: Sequence[Case], split: Split) -> dict[str, int]:
    group_of = {case.id: case.group for case in cases if case.group}
    parts: Mapping[str, Collection[str]] = split.parts()
    found = {name: {group_of[i] for i in ids if i in group_of} for name, ids in parts.items()}
    return {name: len(groups) for name, groups in found.items() if groups}


def _left_out(cases: Sequence[Case], split: Split, bad_files: Sequence[BadFile]) -> dict[str, int]:
    bad = {one.case_id for one in bad_files if one.case_id}
    used = {i for ids in split.parts().values() for i in ids}
    others = {case.id for case in cases} - used - bad - {*split.left_out}
    hidden = {case.id for case in cases if case.mask} & {*split.train_unlabelled}
    reasons = {
        "their files cannot be used (`set_aside.txt` names them)": len(bad),
        "they have no mask and share a group or a folder with images to validate or test": len(
            split.left_out
        ),
        "the split that was given does not have them": len(others),
        "they have a mask that was not opened: they were learned from as images alone": len(hidden),
    }
    return {reason: number for reason, number in reasons.items() if number}
