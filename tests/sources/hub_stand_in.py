"""A hub with one data set on 127.0.0.1: as much of its interface as a download needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlparse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serve(folder: Path, damage: str = "") -> Iterator[str]:
    """Offer the files of `folder` as data set "someone/shapes"; flip the bytes of the file called `damage`."""

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            path = urlparse(self.path).path
            if path.startswith("/api/datasets/someone/shapes/tree/"):
                self.send(json.dumps([entry(p) for p in files()]).encode(), body)
            elif path.startswith("/api/datasets/someone/shapes"):
                info = {"id": "someone/shapes", "sha": COMMIT, "siblings": [sibling(p) for p in files()]}
                self.send(json.dumps(info).encode(), body)
            elif path.startswith(f"/datasets/someone/shapes/resolve/{COMMIT}/"):
                file = folder / path.split(f"{COMMIT}/")[1]
                content = file.read_bytes()
                sha256 = hashlib.sha256(content).hexdigest()
                if file.name == damage:
                    content = content[::-1]
                self.send(content, body, {"ETag": f'"{sha256}"', "X-Repo-Commit": COMMIT})
            else:
                self.send_error(404)

        def send(self, content: bytes, body: bool, headers: dict[str, str] | None = None) -> None:
            self.send_response(200)
            for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    def files() -> list[Path]:
        return sorted(path for path in folder.rglob("*") if path.is_file())

    def lfs(path: Path) -> dict[str, object]:
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        return {"sha256": sha256, "oid": sha256, "size": len(content), "pointerSize": 130}

    def sibling(path: Path) -> dict[str, object]:
        name = path.relative_to(folder).as_posix()
        return {"rfilename": name, "size": path.stat().st_size, "blobId": "0" * 40, "lfs": lfs(path)}

    def entry(path: Path) -> dict[str, object]:
        name = path.relative_to(folder).as_posix()
        return {"type": "file", "path": name, "oid": "0" * 40, "size": path.stat().st_size, "lfs": lfs(path)}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
