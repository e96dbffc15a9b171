"""Downloads from the Hugging Face hub, and the hub's checksums kept beside the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unbench.config.cards import DatasetCard
from unbench.data.sources.common import reading
from unbench.data.sources.download import differing, explained
from unbench.errors import ChecksumError

SUMS = "SHA256SUMS"
"""Written beside the files, in the format of sha256sum: so `sha256sum -c` works on it too."""


def fetch_files(card: DatasetCard, hub: str, revision: str, patterns: Sequence[str], home: Path, folder: str) -> None:
    """Download the files of `hub` that match into `home`, which mirrors the hub's folders, and check them.

    Raises:
        ChecksumError: a file arrived damaged; it is deleted.
        DataMissingError: the hub cannot be reached.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.utils import filter_repo_objects

    by_hand = f"put {', '.join(patterns[::3])} of the hub's data set {hub} in {home / folder}"
    with explained(card, by_hand):
        info = HfApi().dataset_info(hub, revision=revision, files_metadata=True)
        # The library checks sizes only, and writes each file under another name until it is whole.
        snapshot_download(hub, repo_type="dataset", revision=info.sha, local_dir=home, allow_patterns=list(patterns))
        published = {f.rfilename: f.lfs.sha256 for f in info.siblings or () if f.lfs}
        names = list(filter_repo_objects(published, allow_patterns=list(patterns)))
        sums = {home / name: published[name] for name in names}
        damaged = {path: fault for path, sha256 in sums.items() for fault in differing({path: sha256}, "sha256")}
        for path in damaged:
            path.unlink()
        if damaged:
            first = next(iter(damaged.values()))
            raise ChecksumError(f"the download of {card.name} arrived damaged and was deleted: {first}")
        lines = [f"{sha256}  {path.relative_to(home / folder).as_posix()}\n" for path, sha256 in sums.items()]
        if lines:
            (home / folder / SUMS).write_text("".join(lines), "utf-8")


def read_sums(folder: Path, more: str = "") -> dict[Path, str]:
    """Return the published SHA-256 of files in `folder`: those that `fetch_files` kept, and `more` in that format."""
    kept = folder / SUMS
    with reading(kept):
        text = kept.read_text("utf-8") if kept.is_file() else ""
        pairs = [line.split(maxsplit=1) for line in f"{text}\n{more}".splitlines() if line.strip()]
        return {folder / name: sha256 for sha256, name in pairs if (folder / name).is_file()}
