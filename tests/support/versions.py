"""Tests that hold for the pinned torch and those after it, not for the oldest that is allowed."""

import pytest
import torch
from packaging.version import Version

PINNED = "2.13"


def newer_torch(reason: str) -> pytest.MarkDecorator:
    """Skip a test with an older torch, and say why."""
    return pytest.mark.skipif(Version(torch.__version__) < Version(PINNED), reason=reason)
