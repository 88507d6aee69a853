import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("kills.py")


def test_training__killed_at_20_random_moments_ends_as_if_uninterrupted():
    command = [sys.executable, str(SCRIPT), "--kills", "20", "--methods", "clcc"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "clcc: killed 20 times, every run ended as if uninterrupted\n"
