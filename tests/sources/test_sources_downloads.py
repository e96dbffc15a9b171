"""Downloads through torchvision and medmnist, from a stand-in for the publishers on this machine."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from source_layouts import WRITERS

from unbench.errors import ChecksumError, DataMissingError

FETCHED = ["aircraft", "cub", "fashion_mnist", "flowers102", "pets", "pneumoniamnist", "svhn"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Publisher:
    """Serves a folder, packs a made data set into it as its publisher does, and points the library there."""

    def __init__(self, folder: Path, url: str, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.url, self.patch = folder, url, patch

    def publish(self, name: str, made: Path) -> None:
        WRITERS[name](made)
        getattr(self, name)(made)

    def damage(self) -> None:
        """Flip the largest file, after its checksum was published."""
        largest = max(self.folder.iterdir(), key=lambda path: path.stat().st_size)
        largest.write_bytes(largest.read_bytes()[::-1])

    def add(self, path: Path) -> str:
        (self.folder / path.name).write_bytes(path.read_bytes())
        return hashlib.md5(path.read_bytes()).hexdigest()

    def pack(self, archive: str, *members: Path) -> str:
        with tarfile.open(self.folder / archive, "w:gz") as tar:
            for member in members:
                tar.add(member, member.name)
        return hashlib.md5((self.folder / archive).read_bytes()).hexdigest()

    def fashion_mnist(self, made: Path) -> None:
        resources = [(p.name, self.add(p)) for p in sorted((made / "FashionMNIST" / "raw").iterdir())]
        self.patch.setattr("torchvision.datasets.FashionMNIST.mirrors", [f"{self.url}/"])
        self.patch.setattr("torchvision.datasets.FashionMNIST.resources", resources)

    def svhn(self, made: Path) -> None:
        names = {split: f"{split}_32x32.mat" for split in ("train", "test")}
        entries = {s: [f"{self.url}/{n}", n, self.add(made / "svhn" / n)] for s, n in names.items()}
        self.patch.setattr("torchvision.datasets.SVHN.split_list", entries)

    def flowers102(self, made: Path) -> None:
        base = made / "flowers-102"
        files = {"image": ("102flowers.tgz", self.pack("102flowers.tgz", base / "jpg"))}
        for key, name in (("label", "imagelabels.mat"), ("setid", "setid.mat")):
            files[key] = (name, self.add(base / name))
        self.patch.setattr("torchvision.datasets.Flowers102._file_dict", files)
        self.patch.setattr("torchvision.datasets.Flowers102._download_url_prefix", f"{self.url}/")

    def aircraft(self, made: Path) -> None:
        self.pack("aircraft.tar.gz", made / "fgvc-aircraft-2013b")
        self.patch.setattr("torchvision.datasets.FGVCAircraft._URL", f"{self.url}/aircraft.tar.gz")

    def pets(self, made: Path) -> None:
        archives = [(f"{n}.tar.gz", made / "oxford-iiit-pet" / n) for n in ("images", "annotations")]
        resources = tuple((f"{self.url}/{name}", self.pack(name, path)) for name, path in archives)
        self.patch.setattr("torchvision.datasets.OxfordIIITPet._RESOURCES", resources)

    def pneumoniamnist(self, made: Path) -> None:
        from medmnist import INFO

        md5 = self.add(made / "medmnist" / "pneumoniamnist.npz")
        self.patch.setitem(INFO["pneumoniamnist"], "url", f"{self.url}/pneumoniamnist.npz")
        self.patch.setitem(INFO["pneumoniamnist"], "MD5", md5)

    def cub(self, made: Path) -> None:
        self.patch.setattr("unbench.data.sources.cub.MD5", self.pack("cub.tgz", made / "CUB_200_2011"))
        self.patch.setattr("unbench.data.sources.cub.URL", f"{self.url}/cub.tgz")


@pytest.fixture
def publisher(tmp_path, monkeypatch) -> Iterator[Publisher]:
    folder = tmp_path / "published"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield Publisher(folder, f"http://127.0.0.1:{server.server_port}", monkeypatch)
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("name", FETCHED)
def test_fetches_with_a_progress_bar_and_reads(publisher, source, consume, tmp_path, capfd, name):
    root = tmp_path / "new" / "root"
    publisher.publish(name, tmp_path / "made")
    source(name).fetch(root)
    consume(source(name), root)
    assert "100%" in capfd.readouterr().err
    found, made = (source(name).find(folder).paths for folder in (root, tmp_path / "made"))
    assert [path.name for path in found] == [path.name for path in made]
    assert not [path for path in root.rglob("*") if path.name.endswith((".tgz", ".tar.gz"))]
    assert not list(root.glob(".*"))


@pytest.mark.parametrize("name", FETCHED)
def test_a_damaged_download_leaves_nothing_behind(publisher, source, consume, tmp_path, name):
    root = tmp_path / "root"
    publisher.publish(name, tmp_path / "made")
    publisher.damage()
    with pytest.raises(ChecksumError) as caught:
        source(name).fetch(root)
    message = str(caught.value)
    assert message.startswith(f"the download of {name} arrived damaged and was deleted: ")
    assert "\n" not in message
    assert list(root.iterdir()) == []
    publisher.damage()  # flipped twice is whole
    source(name).fetch(root)
    consume(source(name), root)


@pytest.mark.parametrize("name", FETCHED)
def test_no_network_is_one_clear_line(publisher, source, tmp_path, name):
    root = tmp_path / "root"
    publisher.url = "http://127.0.0.1:9"
    publisher.publish(name, tmp_path / "made")
    with pytest.raises(DataMissingError) as caught:
        try:
            source(name).find(root)
        except DataMissingError:  # as the loader does, and the newer reason must be reported
            source(name).fetch(root)
    message = str(caught.value)
    assert message.startswith(f"cannot download {name}: ") and "refused" in message
    assert str(root) in message and "\n" not in message
    assert list(root.iterdir()) == []


def test_what_is_there_already_is_kept(publisher, source, consume, tmp_path):
    WRITERS["svhn"](tmp_path / "root")
    (tmp_path / "root" / "svhn" / "test_32x32.mat").unlink()
    (tmp_path / "root" / "svhn" / "mine.txt").write_text("mine")
    publisher.publish("svhn", tmp_path / "made")
    source("svhn").fetch(tmp_path / "root")
    consume(source("svhn"), tmp_path / "root")
    assert (tmp_path / "root" / "svhn" / "mine.txt").read_text() == "mine"


def test_a_root_that_cannot_be_written_is_one_clear_line(source, tmp_path):
    (tmp_path / "root").write_text("a file")
    with pytest.raises(DataMissingError, match=r"cannot download cub: .*root"):
        source("cub").fetch(tmp_path / "root")


def test_interrupting_a_library_that_swallows_it_still_interrupts(source, tmp_path, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("torchvision.datasets.utils.download_url", interrupted)
    with pytest.raises(KeyboardInterrupt):
        source("pneumoniamnist").fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []
