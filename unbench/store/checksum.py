"""A SHA-256 inside the file that it protects, so that any later change of the file is noticed when it is read.

The checksum is inside the file and not beside it: one file and one rename, so that no reader ever sees a content and a
checksum that do not belong together. A writer puts BLANK once into the file, where its format has a place for a text;
`add_checksum` hashes the bytes as they are then, and puts the digest in the place of the zeros.
"""

import hashlib

MARKER = b"unbench-sha256:"
BLANK = (MARKER + b"0" * 64).decode()
"""Placeholder in a file that has no checksum yet."""

CHECKSUM_KEY = "seal"
"""Name of the checksum in JSON objects and in the headers of safetensors."""


def add_checksum(content: bytes) -> bytes:
    """Return the bytes with their digest in place of BLANK.

    Raises:
        ValueError: there is not exactly one marker, or it is not blank.
    """
    blank = BLANK.encode()
    if content.count(MARKER) != 1 or blank not in content:
        raise ValueError(f"a file needs exactly one blank checksum before it is written, not {content.count(MARKER)}")
    return content.replace(blank, MARKER + hashlib.sha256(content).hexdigest().encode())


def is_marked(content: bytes) -> bool:
    """Return True if the bytes have a checksum, valid or not."""
    return MARKER in content


def is_intact(content: bytes) -> bool:
    """Return True if the bytes have a checksum and match it."""
    start = content.find(MARKER) + len(MARKER)
    if start < len(MARKER):
        return False
    # Views, since models are large: no copy with zeros is made.
    view, end = memoryview(content), start + 64
    found = hashlib.sha256(view[:start])
    found.update(b"0" * 64)
    found.update(view[end:])
    return found.hexdigest().encode() == content[start:end]
