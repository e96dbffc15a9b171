"""Settings of the Python interpreter that change its speed, not its results."""

import gc


def collect_rarely() -> None:
    """Make garbage collection of reference cycles rare.

    Commands import a lot and end soon; at Python's default pace the collector takes a tenth of their time.
    """
    gc.set_threshold(100_000, 20, 50)
