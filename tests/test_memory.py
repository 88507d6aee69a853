import platform
import subprocess
import sys

import pytest

WRITE_ANEW = """
import resource, sys
from crosslevel.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for _ in range(50):
    bytearray(32 * 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def page_faults(word):
    command = [sys.executable, "-c", WRITE_ANEW, word]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_keep_freed_memory__spares_the_system_from_clearing_pages_again():
    assert page_faults("keep") < page_faults("return") / 5
