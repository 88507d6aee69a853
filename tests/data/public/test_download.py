"""Downloads from a server on this machine that behaves well, badly or not at all."""

import errno
import hashlib
import http.server
import io
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from crosslevel.data.cases import index_cases
from crosslevel.data.public import download
from crosslevel.data.public.download import download_dataset
from crosslevel.data.public.sources import SOURCES, Archive, Source
from crosslevel.errors import InputError, RunError

GOOD = {
    f"toy/{kind}/{name}": name * 4000 for kind in ("images", "masks") for name in ("a.png", "b.png")
}


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


class Site(http.server.ThreadingHTTPServer):
    """Serves `content`; the attributes say what goes wrong."""

    content = zipped(GOOD)
    etag = '"one"'
    honours_range = True
    drop_after: int | None = None
    drops_left = 0
    statuses: tuple[int, ...] = ()

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Site

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output quiet."""

    def do_GET(self) -> None:
        site, start = self.server, 0
        asked = self.headers["Range"]
        site.ranges.append(asked)
        if site.statuses:
            status, *rest = site.statuses
            site.statuses = tuple(rest)
            self.send_error(status)
            return
        if asked and site.honours_range and self.headers["If-Range"] == site.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        body = site.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-/{len(site.content)}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", site.etag)
        self.end_headers()
        if site.drops_left:
            site.drops_left -= 1
            body = body[: site.drop_after]
        self.wfile.write(body)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(download, "RETRY_PAUSE_S", 0.0)
    monkeypatch.setattr(download, "CHUNK_BYTES", 1000)
    server = Site()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    offer(monkeypatch, server.url, server.content)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def offer(monkeypatch: pytest.MonkeyPatch, url: str, content: bytes) -> None:
    """Make `toy` a known data set whose archive must be `content`."""
    sha256 = hashlib.sha256(content).hexdigest()
    archive = Archive(f"{url}/toy.zip", "toy", sha256, len(content))
    monkeypatch.setitem(SOURCES, "toy", Source("toy", (archive,), "free", "Nobody, 2024"))


def start_part(folder: Path, content: bytes, tag: str = '"one"') -> None:
    folder.mkdir()
    (folder / "toy.zip.part").write_bytes(content)
    (folder / "toy.zip.part.tag").write_text(tag)


def assert_complete(folder: Path) -> None:
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == {
        "toy.zip",
        *GOOD,
    }
    assert all((folder / name).read_text() == text for name, text in GOOD.items())


def test_download_dataset__whole(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    root = download_dataset(
        "toy", tmp_path / "new", progress=lambda done, total: seen.append((done, total))
    )
    assert root == tmp_path / "new" / "toy"
    assert_complete(tmp_path / "new")
    assert [case.id for case in index_cases(root)] == ["a", "b"]
    assert seen[-1] == (len(site.content), len(site.content))
    assert seen == sorted(seen)
    download_dataset("toy", tmp_path / "new")
    assert site.ranges == [None]


def test_download_dataset__resumes_after_drops(site: Site, tmp_path: Path) -> None:
    site.drop_after, site.drops_left = 6000, 7
    download_dataset("toy", tmp_path)
    assert_complete(tmp_path)
    assert site.ranges == [None] + [f"bytes={6000 * n}-" for n in range(1, 8)]


def test_download_dataset__resumes_an_earlier_run(site: Site, tmp_path: Path) -> None:
    start_part(tmp_path / "f", site.content[:5000])
    download_dataset("toy", tmp_path / "f")
    assert_complete(tmp_path / "f")
    assert site.ranges == ["bytes=5000-"]


@pytest.mark.parametrize("reason", ["no range", "changed", "no tag", "too long"])
def test_download_dataset__restarts(site: Site, tmp_path: Path, reason: str) -> None:
    site.honours_range = reason != "no range"
    length = len(site.content) + 9 if reason == "too long" else 5000
    tags = {"changed": '"old"', "no tag": ""}
    start_part(tmp_path / "f", b"x" * length, tags.get(reason, '"one"'))
    download_dataset("toy", tmp_path / "f")
    assert_complete(tmp_path / "f")


def test_download_dataset__range_not_satisfiable(site: Site, tmp_path: Path) -> None:
    start_part(tmp_path / "f", b"x" * 5000)
    site.statuses = (416,)
    download_dataset("toy", tmp_path / "f")
    assert_complete(tmp_path / "f")
    assert site.ranges == ["bytes=5000-", None]


def test_download_dataset__passing_error(site: Site, tmp_path: Path) -> None:
    site.statuses = (503, 429)
    download_dataset("toy", tmp_path)
    assert_complete(tmp_path)


def test_download_dataset__drops_without_range_give_up(site: Site, tmp_path: Path) -> None:
    site.honours_range, site.drop_after, site.drops_left = False, 6000, 99
    with pytest.raises(RunError, match=r"toy\.zip: the connection ended after 6000 of .*browser"):
        download_dataset("toy", tmp_path)
    assert len(site.ranges) == 5


def test_download_dataset__http_error(site: Site, tmp_path: Path) -> None:
    site.statuses = (404,)
    with pytest.raises(RunError, match=r"http://.*/toy\.zip: HTTP 404 .*save it as .*toy\.zip "):
        download_dataset("toy", tmp_path)
    assert len(site.ranges) == 1


def test_download_dataset__nobody_answers(site: Site, tmp_path: Path) -> None:
    site.shutdown()
    site.server_close()
    with pytest.raises(RunError, match=r"toy\.zip: .*refused"):
        download_dataset("toy", tmp_path)


def test_download_dataset__another_length(site: Site, tmp_path: Path) -> None:
    site.content += b"x"
    with pytest.raises(RunError, match=r"bytes long, expected .* another file"):
        download_dataset("toy", tmp_path)
    assert not list(tmp_path.iterdir())


def test_download_dataset__wrong_checksum(site: Site, tmp_path: Path) -> None:
    site.content = site.content[:-1] + b"x"
    with pytest.raises(RunError, match=r"part: SHA-256 is .*Delete it and run"):
        download_dataset("toy", tmp_path)
    assert not (tmp_path / "toy").exists()


def test_download_dataset__mirror_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "https://example.invalid", zipped(GOOD))
    (tmp_path / "toy.zip").write_bytes(zipped(GOOD))
    download_dataset("toy", tmp_path / "f", mirror=tmp_path.as_uri() + "/")
    assert_complete(tmp_path / "f")
    (tmp_path / "toy.zip").unlink()
    with pytest.raises(RunError, match="No such file"):
        download_dataset("toy", tmp_path / "g", mirror=tmp_path.as_uri())


def test_download_dataset__archive_put_there_by_hand(site: Site, tmp_path: Path) -> None:
    (tmp_path / "toy.zip").write_bytes(b"half")
    with pytest.raises(RunError, match=r"toy\.zip: SHA-256"):
        download_dataset("toy", tmp_path)
    (tmp_path / "toy.zip").write_bytes(site.content)
    download_dataset("toy", tmp_path)
    assert_complete(tmp_path)
    assert site.ranges == []


def test_download_dataset__several_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives = []
    images, masks = (archive.folder for archive in SOURCES["isic2018"].archives)
    for folder, name in ((images, "ISIC_1.jpg"), (masks, "ISIC_1_segmentation.png")):
        content = zipped({f"{folder}/{name}": "x", f"{folder}/LICENSE.txt": "x"})
        (tmp_path / f"{folder}.zip").write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        archives.append(Archive(f"{tmp_path.as_uri()}/{folder}.zip", folder, sha256, len(content)))
    monkeypatch.setitem(SOURCES, "two", Source("two", tuple(archives), "free", "Nobody"))
    assert download_dataset("two", tmp_path / "f") == tmp_path / "f"
    (case,) = index_cases(tmp_path / "f")
    assert case.mask == tmp_path / "f" / masks / "ISIC_1_segmentation.png"


def test_download_dataset__too_little_space(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(RunError, match=r"toy\.zip and its contents need .* free some space"):
        download_dataset("toy", tmp_path)
    assert site.ranges == []


def test_download_dataset__harmful_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = zipped({**GOOD, "toy/../../evil": "x"})
    offer(monkeypatch, tmp_path.as_uri(), content)
    (tmp_path / "toy.zip").write_bytes(content)
    with pytest.raises(RunError, match="unsafe member"):
        download_dataset("toy", tmp_path / "in" / "f")
    assert not (tmp_path / "in" / "f" / "toy").exists()


def test_download_dataset__disk_fills_up(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_copy", fail)
    with pytest.raises(RunError, match="the disk is full; free some space"):
        download_dataset("toy", tmp_path)


def test_download_dataset__folder_is_a_file(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file: File exists; check the folder"):
        download_dataset("toy", tmp_path / "file")


def test_download_dataset__unknown_kind_of_mirror(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="mirror must start with https://"):
        download_dataset("isic2018", tmp_path, mirror="/media/usb")
