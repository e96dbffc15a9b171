"""Ctrl-C as an end that a command has foreseen."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn


def end_now(code: int) -> NoReturn:
    """End the process with this exit code, in the middle of whatever was interrupted.

    Python is not taken down first: threads of libraries that are still at work on what was interrupted now and then
    abort the process meanwhile, and its exit code would not be this one.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # the reader of our output has gone
            stream.flush()
    os._exit(code)
