"""From the names in a folder to cases: which file is an image, and which its mask."""

from crosslevel.data.layouts.folder import OF_THE_SYSTEM, Folder, Found, describe_passed_over
from crosslevel.data.layouts.recognise import (
    LAYOUTS,
    PARTS,
    UNDERSTOOD,
    describe_unknown,
    recognise,
)

__all__ = [
    "LAYOUTS",
    "OF_THE_SYSTEM",
    "PARTS",
    "UNDERSTOOD",
    "Folder",
    "Found",
    "describe_passed_over",
    "describe_unknown",
    "recognise",
]
