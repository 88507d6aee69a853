"""The readers once more, with inputs that follow the code they reach (Linux, needs `atheris`).

`python tests/fuzz/guided.py images_and_masks -max_total_time=300`: what follows the name is for
libFuzzer, which prints what it reaches and stops at the first input that breaks a reader.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

NAMES = ("images_and_masks", "layouts", "csv", "split__of_any_text", "configuration")


def main() -> None:
    """Feed a test of `test_readers` with bytes that hypothesis makes its arguments of."""
    import atheris

    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        sys.exit(f"Name what to read: {', '.join(NAMES)}")
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["crosslevel", "PIL", "yaml"]):
        from fuzz import test_readers
    test: Any = getattr(test_readers, f"test_{sys.argv.pop(1)}")
    atheris.Setup(sys.argv, test.hypothesis.fuzz_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
