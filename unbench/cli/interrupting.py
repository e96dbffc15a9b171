"""The end of a command that Ctrl-C is meant to end."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn


def end_now(code: int) -> NoReturn:
    """End the process at once with this exit code.

    Python is not shut down first: threads of libraries that are still busy with what was interrupted sometimes abort
    the process meanwhile, which would then have another exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # the reader has closed the pipe
            stream.flush()
    os._exit(code)
