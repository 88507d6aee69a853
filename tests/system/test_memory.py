import platform
import subprocess
import sys

import pytest

WRITE_ANEW = """
import resource, sys
from crosslevel.system.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for _ in range(50):
    bytearray(32 * 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""

FREE_THEN_RETURN = """
from pathlib import Path
from crosslevel.system.memory import keep_freed_memory, return_freed_memory
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
assert keep_freed_memory()
blocks = [bytes(1000) for _ in range(100_000)]
still_needed = bytes(1000)
del blocks
before = resident()
return_freed_memory()
print(before - resident())
"""


def page_faults(word):
    command = [sys.executable, "-c", WRITE_ANEW, word]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_keep_freed_memory__spares_the_system_from_clearing_pages_again():
    assert page_faults("keep") < page_faults("return") / 5


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has malloc_trim")
def test_return_freed_memory__gives_back_what_was_kept():
    command = [sys.executable, "-c", FREE_THEN_RETURN]
    returned = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert returned > 50e6
