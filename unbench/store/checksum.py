"""A file that carries its own SHA-256, so that whatever happens to it on disk is noticed when it is read.

The seal is inside the file and not beside it: one file and one rename, so that no reader ever sees a content and a seal
that do not belong together. A writer puts BLANK once into the file, where its format has a place for a text; `seal`
hashes the bytes as they are then, and puts the digest in the place of the zeros.
"""

from __future__ import annotations

import hashlib

MARKER = b"unbench-sha256:"
BLANK = (MARKER + b"0" * 64).decode()
"""What stands in a file that is not sealed yet."""

CHECKSUM_KEY = "seal"
"""Name of the seal in JSON objects and in the headers of safetensors."""


def add_checksum(content: bytes) -> bytes:
    """The same bytes with the digest in the seal; raises ValueError unless there is exactly one, and blank."""
    blank = BLANK.encode()
    if content.count(MARKER) != 1 or blank not in content:
        raise ValueError(f"a file must have one blank seal to be sealed, not {content.count(MARKER)}")
    return content.replace(blank, MARKER + hashlib.sha256(content).hexdigest().encode())


def is_marked(content: bytes) -> bool:
    """Whether the bytes have a seal, valid or not."""
    return MARKER in content


def is_intact(content: bytes) -> bool:
    """Whether the bytes have a seal and are those that were sealed."""
    start = content.find(MARKER) + len(MARKER)
    if start < len(MARKER):
        return False
    # Views, since models are large: no copy with zeros is made.
    view, end = memoryview(content), start + 64
    found = hashlib.sha256(view[:start])
    found.update(b"0" * 64)
    found.update(view[end:])
    return found.hexdigest().encode() == content[start:end]
