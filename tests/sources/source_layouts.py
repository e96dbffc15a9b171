"""Tiny data sets in the layout of each publisher, written for tests: random pixels, every class in every split."""

from __future__ import annotations

import gzip
import io
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)
COUNTS = {"train": 12, "val": 6, "test": 6}


def picture(path: Path, size: tuple[int, int] = (24, 20)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (*size, 3), dtype=np.uint8)).save(path)


def fashion_mnist(root: Path, packed: bool = True) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for prefix, count in (("train", COUNTS["train"]), ("t10k", COUNTS["test"])):
        pixels = RNG.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for name, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            content = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
            path = root / f"{prefix}-{name}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(content) if packed else content)


def svhn(root: Path) -> None:
    from scipy.io import savemat

    root.mkdir(parents=True, exist_ok=True)
    for split in ("train", "test"):
        count = COUNTS[split]
        pixels = RNG.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        labels = (np.arange(count) % 10 + 1).astype(np.uint8)[:, None]  # 10 stands for the digit 0
        savemat(root / f"{split}_32x32.mat", {"X": pixels, "y": labels}, do_compression=True)


def flowers102(root: Path) -> None:
    from scipy.io import savemat

    base = root / "flowers-102"
    total = sum(COUNTS.values())
    for number in range(1, total + 1):
        picture(base / "jpg" / f"image_{number:05d}.jpg")
    savemat(base / "imagelabels.mat", {"labels": np.arange(total)[None] % 102 + 1}, do_compression=True)
    first, second = COUNTS["train"] + 1, COUNTS["train"] + COUNTS["val"] + 1
    ids = {"trnid": range(1, first), "valid": range(first, second), "tstid": range(second, total + 1)}
    savemat(base / "setid.mat", {k: np.array(v)[None] for k, v in ids.items()}, do_compression=True)


def aircraft(root: Path) -> None:
    data = root / "fgvc-aircraft-2013b" / "data"
    variants = ["Boeing 707-320", "Airbus A330-200", "Cessna Citation 525"]
    number = 1_000_000
    for split, count in COUNTS.items():
        lines = []
        for k in range(count):
            number += 1
            picture(data / "images" / f"{number}.jpg")
            lines.append(f"{number} {variants[k % 3]}\n")
        (data / f"images_variant_{split}.txt").write_text("".join(lines))
    (data / "variants.txt").write_text("\n".join(variants) + "\n")


def pets(root: Path) -> None:
    base = root / "oxford-iiit-pet"
    (base / "annotations").mkdir(parents=True)
    for split, start in (("trainval", 0), ("test", 100)):
        lines = []
        for k in range(COUNTS["test"]):
            name = f"{('Abyssinian', 'american_bulldog', 'Sphynx')[k % 3]}_{start + k}"
            picture(base / "images" / f"{name}.jpg")
            lines.append(f"{name} {k % 3 + 1} 1 1\n")
        (base / "annotations" / f"{split}.txt").write_text("".join(lines))


def medmnist(root: Path, name: str = "pneumoniamnist.npz", size: int = 28) -> None:
    root.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for split, count in COUNTS.items():
        arrays[f"{split}_images"] = RNG.integers(0, 256, (count, size, size), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % 2).astype(np.uint8)[:, None]
    np.savez_compressed(root / name, **arrays)


def cub(root: Path) -> None:
    base = root / "CUB_200_2011"
    names = ["001.Black_footed_Albatross", "002.Laysan_Albatross"]
    tables: dict[str, list[str]] = {"images": [], "image_class_labels": [], "train_test_split": []}
    for k in range(1, 13):
        file = f"{names[k % 2]}/bird_{k:04d}.jpg"
        picture(base / "images" / file)
        tables["images"].append(f"{k} {file}")
        tables["image_class_labels"].append(f"{k} {k % 2 + 1}")
        tables["train_test_split"].append(f"{k} {int(k <= 8)}")
    tables["classes"] = [f"{k} {name}" for k, name in enumerate(names, 1)]
    for name, lines in tables.items():
        (base / f"{name}.txt").write_text("\n".join(lines) + "\n")


def folder(root: Path) -> None:
    endings = ("png", "jpg", "jpeg", "bmp", "webp", "PNG")
    for split, count in COUNTS.items():
        for k in range(count):
            picture(root / split / ("cat", "dog")[k % 2] / f"{k}.{endings[k % len(endings)]}")


def parquet(path: Path, count: int, names: list[str] | None = None, image: str = "img", label: str = "label") -> None:
    import pyarrow as pa
    from pyarrow import parquet as pq

    rows = []
    for k in range(count):
        buffer = io.BytesIO()
        Image.fromarray(RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(buffer, "PNG")
        rows.append({"bytes": buffer.getvalue(), "path": f"{k}.png"})
    classes = len(names or "abc")
    table = pa.table({image: rows, label: pa.array(np.arange(count) % classes)})
    if names:
        features = {image: {"_type": "Image"}, label: {"_type": "ClassLabel", "names": names}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="none", row_group_size=4)


def cifar10(root: Path) -> None:
    names = list("abcdefghij")
    for shard in range(2):
        parquet(root / "cifar10" / "plain_text" / f"train-{shard:05d}-of-00002.parquet", 10, names)
    parquet(root / "cifar10" / "plain_text" / "test-00000-of-00001.parquet", 10, names)


WRITERS: dict[str, Callable[[Path], None]] = {
    "fashion_mnist": lambda root: fashion_mnist(root / "FashionMNIST" / "raw"),
    "svhn": lambda root: svhn(root / "svhn"),
    "flowers102": flowers102,
    "aircraft": aircraft,
    "pets": pets,
    "pneumoniamnist": lambda root: medmnist(root / "medmnist"),
    "cub": cub,
    "folder": folder,
    "cifar10": cifar10,
}
"""Card name to what writes its files under a data root; one for every source that reads files."""
