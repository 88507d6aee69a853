"""The superuser reads and writes everything; a test of permissions has to give that up."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

VERSION_3 = 0x20080522
DAC_OVERRIDE, DAC_READ_SEARCH = 1 << 1, 1 << 2


@contextmanager
def rights_of_an_owner() -> Iterator[None]:
    """Within it permissions of files bind this thread, and those it starts, even as root."""
    if not sys.platform.startswith("linux"):
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 bits
    assert libc.capget(header, sets) == 0, ctypes.get_errno()
    before = sets[0]
    sets[0] = before & ~(DAC_OVERRIDE | DAC_READ_SEARCH)
    assert libc.capset(header, sets) == 0, ctypes.get_errno()
    try:
        yield
    finally:
        sets[0] = before
        assert libc.capset(header, sets) == 0, ctypes.get_errno()
