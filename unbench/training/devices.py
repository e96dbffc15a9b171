"""Choice of the device, and the same bits twice on it."""

import os

import torch

from unbench.errors import SpecError


def choose_device(name: str = "auto") -> torch.device:
    """Return the device of that name, for "auto" a GPU if there is one; raise SpecError if it cannot be used here."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SpecError(f"device '{name}' cannot be used here: {str(error).splitlines()[0]}") from error
    return device


def make_deterministic() -> None:
    """Ask torch for deterministic algorithms; it warns where a device has none for an operation."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # The same as use_deterministic_algorithms(True, warn_only=True), which would also import the compiler: 1.5 s.
    torch.set_deterministic_debug_mode("warn")
    torch.backends.cudnn.benchmark = False
