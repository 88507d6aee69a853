"""A hub on this machine: the part of Hugging Face's protocol that models need.

It keeps commits in memory. What it serves is written from the public description of the protocol,
not with the library that it tests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

MAIN = "main"


class Hub:
    """Repositories: their branches and the files of each commit."""

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.branches: dict[str, dict[str, str]] = {}
        self.objects: dict[str, bytes] = {}
        self.private: set[str] = set()
        self.asked: list[str] = []

    def create(self, name: str, *, is_private: bool = False) -> None:
        if name not in self.commits:
            first = hashlib.sha1(name.encode()).hexdigest()
            self.commits[name] = {first: {}}
            self.branches[name] = {MAIN: first}
            self.private |= {name} if is_private else set()

    def commit(self, name: str, revision: str, files: dict[str, bytes]) -> str:
        before = self.branches[name][revision]
        whole = self.commits[name][before] | files
        oid = hashlib.sha1(repr((before, sorted(files.items()))).encode()).hexdigest()
        self.commits[name][oid] = whole
        self.branches[name][revision] = oid
        return oid

    def find(self, name: str, revision: str) -> str | None:
        if name not in self.commits:
            return None
        oid = self.branches[name].get(revision, revision)
        return oid if oid in self.commits[name] else None


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.asked.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0]
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            self._describe(match[1], match[2] or MAIN)
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/([^/]+).*", path):
            self._tree(match[1], match[2])
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(*match.groups())
        else:
            self._answer(404, {"error": "Not found"})

    def do_PUT(self) -> None:
        body = self._body()
        self.hub.objects[hashlib.sha256(body).hexdigest()] = body
        self._answer(200, {})

    def do_POST(self) -> None:
        self.hub.asked.append(f"POST {self.path}")
        body = self._body()
        if self.path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'me'}/{asked['name']}"
            self.hub.create(name, is_private=asked.get("visibility") == "private")
            self._answer(200, {"url": f"{self._root}/{name}", "name": name})
        elif self.path == "/api/validate-yaml":
            self._answer(200, {"warnings": [], "errors": []})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/([^/]+)", self.path):
            self._preupload(json.loads(body))
        elif self.path.endswith("/info/lfs/objects/batch"):
            self._batch(json.loads(body))
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/([^/]+)", self.path):
            self._commit(match[1], match[2], body)
        else:
            self._answer(404, {"error": "Not found"})

    @property
    def _root(self) -> str:
        return f"http://{self.headers['Host']}"

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _describe(self, name: str, revision: str) -> None:
        oid = self.hub.find(name, revision)
        if oid is None:
            self._missing(name)
            return
        files = [{"rfilename": file} for file in sorted(self.hub.commits[name][oid])]
        self._answer(200, {"id": name, "modelId": name, "sha": oid, "siblings": files})

    def _tree(self, name: str, revision: str) -> None:
        oid = self.hub.find(name, revision)
        if oid is None:
            self._missing(name)
            return
        files = self.hub.commits[name][oid].items()
        known = [{"type": "file", "path": p, "size": len(b), "oid": _etag(b)} for p, b in files]
        self._answer(200, known)

    def _file(self, name: str, revision: str, file: str) -> None:
        oid = self.hub.find(name, revision)
        if oid is None:
            self._missing(name)
        elif file not in self.hub.commits[name][oid]:
            self._answer(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        else:
            content = self.hub.commits[name][oid][file]
            self._send(200, content, {"X-Repo-Commit": oid, "ETag": f'"{_etag(content)}"'})

    def _missing(self, name: str) -> None:
        code = "RevisionNotFound" if name in self.hub.commits else "RepoNotFound"
        self._answer(404, {"error": code}, {"X-Error-Code": code})

    def _preupload(self, asked: dict[str, Any]) -> None:
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                "shouldIgnore": False,
            }
            for file in asked["files"]
        ]
        self._answer(200, {"files": modes})

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {
                "oid": wanted["oid"],
                "size": wanted["size"],
                "actions": {"upload": {"href": f"{self._root}/objects/{wanted['oid']}"}},
            }
            for wanted in asked["objects"]
        ]
        self._answer(200, {"transfer": "basic", "objects": objects})

    def _commit(self, name: str, revision: str, body: bytes) -> None:
        files = {}
        for line in body.splitlines():
            part = json.loads(line)
            if part["key"] == "file":
                files[part["value"]["path"]] = base64.b64decode(part["value"]["content"])
            elif part["key"] == "lfsFile":
                files[part["value"]["path"]] = self.hub.objects[part["value"]["oid"]]
        oid = self.hub.commit(name, revision, files)
        url = f"{self._root}/{name}/commit/{oid}"
        self._answer(200, {"success": True, "commitOid": oid, "commitUrl": url, "hookOutput": ""})

    def _answer(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        kind = {"Content-Type": "application/json"}
        self._send(status, json.dumps(content).encode(), kind | (headers or {}))

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _etag(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@contextmanager
def served() -> Iterator[tuple[Hub, str]]:
    """Serve an empty hub, and give it with its address."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
