"""How a process that was started for another ends with it, whatever that one ends by."""

from __future__ import annotations

import _thread
import os
import signal
import threading

STANDARD_INPUT = 0
COMMAND_LINE = (
    "import sys; from crosslevel.system.parent import end_with_parent; end_with_parent(); "
    "sys.argv[0] = 'crosslevel'; from crosslevel.cli import main; sys.exit(main())"
)
"""For `python -c`: the command line, in a process that ends with the one that started it."""


def end_with_parent() -> None:
    """Interrupt this process, as Ctrl-C does, when its standard input ends.

    That is a pipe whose other end the parent alone holds: the system closes it when the parent
    ends, even if it is killed, and the parent closes it to stop this process. Every system has
    pipes; nothing runs between fork and exec, where threads of the parent would be gone.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs inherit "ignore"
    threading.Thread(target=_wait_and_interrupt, daemon=True).start()


def _wait_and_interrupt() -> None:
    while os.read(STANDARD_INPUT, 1024):
        pass
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)  # it also ends a sleep
    else:
        _thread.interrupt_main()
