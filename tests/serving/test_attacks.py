"""What a hostile caller may try against the service; each row ends in an answer, none in harm."""

import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from crosslevel.data.formats import kept
from crosslevel.data.formats.readers import READERS
from crosslevel.inference.segmenter import Segmenter
from crosslevel.serving.options import ServerOptions, ServiceOptions
from crosslevel.serving.places import QUEUE
from crosslevel.serving.service import app_of
from serving.test_app import TOKEN
from serving.test_service import FILES, sent
from support.medical_files import write_dicom, write_nifti
from support.served import Served, form, serving
from support.tiny_service import picture, service_of, write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def running(model):
    with serving(service_of(model, ServiceOptions(max_megapixels=1))) as served:
        yield served


def png(width, height, packed):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def test_bomb__of_60_000_by_60_000_pixels_is_not_decoded(model):
    content = png(60_000, 60_000, zlib.compress(bytes(10_000_000)))
    with serving(service_of(model)) as running:
        answer = sent(running, content)
    assert answer.status == 413
    assert "pixels" in answer.json()["detail"]
    assert "crosslevel-" not in answer.json()["detail"]  # the name of the folder here


def tiff_bomb():
    """A strip of signed bytes, which Pillow cannot read, that says 10 × 10 and unpacks to 50 MB."""
    packed = zlib.compress(bytes(50_000_000))
    entries = [
        *((256, 4, 10), (257, 4, 10), (258, 3, 8), (259, 3, 8), (262, 3, 1), (273, 4, 8)),
        *((277, 3, 1), (278, 4, 10), (279, 4, len(packed)), (339, 3, 2)),
    ]
    place = 8 + len(packed) + len(packed) % 2
    table = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        table += struct.pack("<HHII", tag, kind, 1, value)
    return b"II*\0" + struct.pack("<I", place) + packed.ljust(place - 8, b"\0") + table + bytes(4)


def large_nifti(folder):
    return write_nifti(folder / "a.nii.gz", np.zeros((200, 200, 40), np.uint8)).read_bytes()


def large_dicom(folder):
    return write_dicom(folder / "a.dcm", np.zeros((1001, 1001), np.uint8), bits=8).read_bytes()


def deflated_dicom(folder):
    import pydicom

    file = pydicom.dcmread(write_dicom(folder / "a.dcm", np.zeros((9, 9), np.uint8), bits=8))
    file.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    file.save_as(folder / "b.dcm", enforce_file_format=True)
    return (folder / "b.dcm").read_bytes()


def second_page_is_large(folder):
    small, large = (Image.new("L", (side, side)) for side in (10, 1100))
    small.save(folder / "a.tif", save_all=True, append_images=[large], compression="tiff_deflate")
    return (folder / "a.tif").read_bytes()


def postscript(folder):
    content = io.BytesIO()
    Image.fromarray(picture()).save(content, "EPS")
    return content.getvalue()


@pytest.mark.parametrize(
    ("make", "status", "message"),
    [
        (large_nifti, 413, "1600000 pixels; at most 1000000"),
        (large_dicom, 413, "1002001 pixels"),
        (second_page_is_large, 413, "1210000 pixels"),
        (deflated_dicom, 422, "deflated DICOM"),
        (lambda _: tiff_bomb(), 422, "holds more than it says"),
        (postscript, 422, "is EPS, which is not taken here"),
        (lambda _: b"", 422, "the file is empty"),
        (lambda _: b"\x1f\x8b" + bytes(100), 422, "cannot be decoded as NIfTI"),
        (lambda _: bytes(128) + b"DICM" + bytes(500), 422, "DICOM"),
        (lambda _: FILES["a.png"][:200], 422, "image.png"),
        (lambda _: b"II*\0" + bytes(100), 422, "image.png"),
    ],
)
def test_content__that_would_grow_or_is_damaged_is_refused(
    running, tmp_path, make, status, message
):
    answer = sent(running, make(tmp_path))
    assert (answer.status, message in answer.json()["detail"]) == (status, True), answer.body
    assert str(tmp_path.parent) not in answer.body.decode()


def test_content__of_a_kind_that_a_package_added_is_refused(running, monkeypatch):
    monkeypatch.setitem(READERS, ".xyz", lambda *_: 1 / 0)
    answer = sent(running, b"anything", "a.xyz")
    assert answer.status == 422
    assert answer.json()["detail"].startswith("a.xyz: is of a kind whose size is only known")


PATHS = ("../../../etc/passwd", "/etc/passwd", "..\\..\\x", "%2e%2e%2fetc%2fpasswd", "\0", "~/x")


@pytest.mark.parametrize("path", PATHS)
def test_paths__in_any_parameter_reach_nothing(running, path, tmp_path, monkeypatch):
    before = sorted(os.listdir())
    hostile = path.replace("\0", "%00")
    assert sent(running, FILES["a.png"], path.replace("\0", "")).status == 200
    assert sent(running, b"no image", f"{path}.dcm").status in (400, 422)
    for query in ("format", "frame", "spacing_mm"):
        assert sent(running, FILES["a.png"], query=f"?{query}={hostile}").status == 422
    assert (
        running.ask(
            "/v1/predict", b"x", Content_Type=f"multipart/form-data; boundary={hostile}"
        ).status
        == 400
    )
    for address in (f"/{hostile}", f"/v1/{hostile}", f"/static-offline-docs/{hostile}"):
        assert running.ask(address.replace("\\", "%5c")).status in (404, 405)
    body = json.dumps({"tasks": [{"data": {"image": path}}], "label_config": path, "project": path})
    assert running.ask("/predict", body, Content_Type="application/json").status == 422
    assert sorted(os.listdir()) == before


class Slow:
    """A runtime that computes when it may."""

    name, batch_size = "slow", 2

    def __init__(self):
        self.may_go = threading.Event()
        self.sizes: list[int] = []

    def __call__(self, images):
        if not self.sizes:  # before the server listens
            self.may_go.set()
        self.may_go.wait(30)
        self.sizes.append(len(images))
        return np.full((len(images), 1, *images.shape[1:3]), 0.9, np.float32)


def test_crowd__of_200_is_let_in_up_to_the_queue_and_answered_in_batches(model):
    slow = Slow()
    segmenter = Segmenter(slow, Segmenter.load(model, runtime="torch").card)
    app = app_of(segmenter, "0" * 64, ServerOptions(), ServiceOptions())
    slow.may_go.clear()
    with serving(app) as running, ThreadPoolExecutor(200) as crowd:
        answers = [crowd.submit(sent, running, FILES["a.png"]) for _ in range(200)]
        deadline = time.monotonic() + 30
        while (
            sum(answer.done() for answer in answers) < 200 - QUEUE and time.monotonic() < deadline
        ):
            time.sleep(0.02)
        refused = [answer.result() for answer in answers if answer.done()]
        assert app.state.places.num_taken == QUEUE
        assert running.ask("/healthz").status == 200  # while all wait
        slow.may_go.set()
        whole = [answer.result() for answer in answers]
    assert [answer.status for answer in refused] == [503] * (200 - QUEUE)
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    assert sorted(answer.status for answer in whole) == [200] * QUEUE + [503] * (200 - QUEUE)
    assert sum(slow.sizes[1:]) == QUEUE
    assert max(slow.sizes) == 2
    assert app.state.places.num_taken == 0


def test_network__that_fails_is_an_error_of_the_server_and_leaves_it_working(model):
    def fail(images):
        if images.any():
            raise RuntimeError("a secret of ours")
        return np.zeros((len(images), 1, 32, 32), np.float32)

    fail.name, fail.batch_size = "failing", 2  # type: ignore[attr-defined]
    segmenter = Segmenter(fail, Segmenter.load(model, runtime="torch").card)  # type: ignore[arg-type]
    with serving(app_of(segmenter, "0" * 64, ServerOptions(), ServiceOptions())) as running:
        answer = sent(running, FILES["a.png"])
        assert (answer.status, b"secret" in answer.body) == (500, False)
        assert sent(running, FILES["a.png"]).status == 500
        assert running.ask("/healthz").status == 200


def test_images__are_gone_whatever_happened(model, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    volume = write_nifti(tmp_path / "a.nii", picture()[..., :1]).read_bytes()
    (tmp_path / "a.nii").unlink()
    with serving(service_of(model)) as running:
        [folder] = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
        sent(running, FILES["a.png"])
        sent(running, b"no image")
        sent(running, volume)
        assert list(folder.iterdir()) == []
        assert [path for path, *_ in kept._kept if path.is_relative_to(folder)] == []
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def command(model):
    """The command in a process of its own, and its port."""
    environment = {**os.environ, "CROSSLEVEL_TOKEN": TOKEN}
    words = [sys.executable, "-m", "crosslevel", "serve", str(model), "--port", "0"]
    words += ["--threads", "1", "--runtime", "torch"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    line = next(line for line in process.stderr if line.startswith("Serving"))
    yield process, int(line.rpartition(":")[2].partition("/")[0])
    process.kill()
    process.wait()
    process.stderr.close()


def test_sigterm__ends_when_requests_under_way_are_answered(command):
    process, port = command
    body, kind = form(FILES["a.png"])
    head = (
        f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=30) as stream:
        stream.sendall(head.encode() + body[:100])
        while (
            "crosslevel_waiting_requests 1.0"
            not in Served(port).ask("/metrics", Authorization=f"Bearer {TOKEN}").body.decode()
        ):
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        stream.sendall(body[100:])
        assert stream.makefile("rb").read().startswith(b"HTTP/1.1 200 OK")
    said = process.stderr.read()
    assert process.wait(30) == 0
    assert said.endswith("Done: stopped, all requests are answered\n")
    assert TOKEN not in said
