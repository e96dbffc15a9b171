"""What an SVG says."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"


def texts_of(path: Path) -> set[str]:
    """Its texts, whole."""
    return {"".join(text.itertext()) for text in ET.parse(path).getroot().iter(f"{SVG}text")}
