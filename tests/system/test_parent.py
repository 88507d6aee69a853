"""A process ends with its parent, and not before."""

import subprocess
import sys

CHILD = """
import signal, time
from crosslevel.system.parent import end_with_parent
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background ignore it
end_with_parent()
try:
    print("begun", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE)
time.sleep(60)
"""


def test_end_with_parent__a_closed_pipe_interrupts():
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline() == "begun\n"
        assert child.poll() is None
        child.stdin.close()
        assert child.stdout.readline() == "interrupted\n"
        assert child.wait(timeout=60) == 0


def test_end_with_parent__a_killed_parent_interrupts():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "begun\n"
        parent.kill()
        assert parent.stdout.readline() == "interrupted\n"
