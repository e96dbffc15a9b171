"""The JavaScript of Vega, Vega-Lite and Vega-Embed, as vl-convert bundles it."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version

from unbench.data.cache import cache_folder
from unbench.errors import StoreError
from unbench.store.files import write_text


def vega() -> str:
    """Return one script that defines `vegaEmbed`; about 0.9 MB.

    Bundling takes seconds, so the bundle is kept in the cache of unbench, by the version of vl-convert.
    """
    path = cache_folder() / f"vega-{version('vl-convert-python')}.js"
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        pass
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    with suppress(StoreError):  # A cache that cannot be written costs time, and nothing else.
        write_text(path, bundle)
    return bundle
