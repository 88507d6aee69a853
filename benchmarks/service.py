"""`python -m benchmarks.service`: the service under load, against `predict` on files.

It starts `crosslevel serve`, calls it from a process of its own over connections
that stay open, and reports images a second, times of answers and the server's memory. The same
images go through `crosslevel predict` with the same runtime. Caller and server share the machine,
so processor seconds an image are reported beside the clock; where other work goes on, they mean
something with `--threads 1` alone, since threads that wait for each other spin.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.prediction import make_run
from crosslevel.config.train import TrainConfig
from crosslevel.data.synthetic import write_synthetic
from crosslevel.export.write import export
from crosslevel.training.train import train

CALLERS = 8
MOST_GROWTH_MIB = 48
"""Between the first tenth of the requests and the last; allocators take a while to settle."""
_TICKS = os.sysconf("SC_CLK_TCK")
_FORM = {"Content-Type": "multipart/form-data; boundary=frontier"}


@dataclass(frozen=True)
class Load:
    """What was measured.

    Attributes:
        num_requests: All answered by 200.
        per_s: Images a second, by the clock.
        p50_ms: Half of the answers took at most so long.
        p99_ms: All but one in a hundred did.
        cpu_ms: Processor time of the server for one image.
        early_mib: Memory of the server after a tenth of the requests.
        late_mib: After all.
    """

    num_requests: int
    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    early_mib: float
    late_mib: float


def call(run: Path, images: Sequence[Path], num_requests: int, how: Sequence[str]) -> Load:
    """Start a server, call it and stop it; `how` is what `predict` takes, too."""
    bodies = [_body(path) for path in images]
    with _server(run, how) as (process, port):
        _calls(port, bodies, CALLERS * 2)  # everything is loaded
        early = max(CALLERS, num_requests // 10)
        cpu, begun = _cpu_s(process.pid), time.perf_counter()
        seconds = _calls(port, bodies, early)
        early_mib = _memory_mib(process.pid)
        seconds += _calls(port, bodies, num_requests - early)
        took = time.perf_counter() - begun
        p50, p99 = np.percentile(seconds, [50, 99])
        return Load(
            num_requests=len(seconds),
            per_s=len(seconds) / took,
            p50_ms=1000 * float(p50),
            p99_ms=1000 * float(p99),
            cpu_ms=1000 * (_cpu_s(process.pid) - cpu) / len(seconds),
            early_mib=early_mib,
            late_mib=_memory_mib(process.pid),
        )


def predict_files(run: Path, images: Path, out: Path, how: Sequence[str]) -> tuple[float, float]:
    """Return images a second and processor milliseconds an image of the command on a folder.

    What starting it takes is left out: the time for one image is subtracted.
    """
    num_images = len(list(images.iterdir()))
    one = next(images.iterdir())
    took, cpu = (
        np.subtract(whole, start)
        for whole, start in zip(
            _timed(run, images, out, how), _timed(run, one, out, how), strict=True
        )
    )
    return float((num_images - 1) / took), float(1000 * cpu / (num_images - 1))


def _timed(run: Path, images: Path, out: Path, how: Sequence[str]) -> tuple[float, float]:
    shutil.rmtree(out, ignore_errors=True)
    words = ["predict", str(run), str(images), "--out", str(out), *how]
    begun, before = time.perf_counter(), os.times()
    subprocess.run(_command(words), check=True, capture_output=True)
    after = os.times()
    cpu = after.children_user + after.children_system
    return time.perf_counter() - begun, cpu - before.children_user - before.children_system


def _command(words: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "crosslevel", *words]


@contextmanager
def _server(run: Path, how: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    words = _command(["serve", str(run), "--port", "0", *how])
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(words, stderr=log, text=True)
        try:
            yield process, _port(process, log.fileno())
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _port(process: subprocess.Popen[str], log: int) -> int:
    while process.poll() is None:
        said = os.pread(log, 10_000, 0).decode()
        if found := re.search(r"Serving .*:(\d+)/docs", said):
            return int(found.group(1))
        time.sleep(0.1)
    raise RuntimeError("the server did not start")


def _body(path: Path) -> bytes:
    head = f'Content-Disposition: form-data; name="image"; filename="{path.name}"\r\n\r\n'
    return b"--frontier\r\n" + head.encode() + path.read_bytes() + b"\r\n--frontier--\r\n"


def _calls(port: int, bodies: Sequence[bytes], count: int) -> list[float]:
    """Return the seconds of each call."""

    def one_caller(first: int) -> list[float]:
        connection, seconds = http.client.HTTPConnection("127.0.0.1", port, timeout=60), []
        for number in range(first, count, CALLERS):
            begun = time.perf_counter()
            connection.request("POST", "/v1/predict", bodies[number % len(bodies)], _FORM)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"a request was answered by {answer.status}")
            seconds.append(time.perf_counter() - begun)
        connection.close()
        return seconds

    with ThreadPoolExecutor(CALLERS) as callers:
        return [s for seconds in callers.map(one_caller, range(CALLERS)) for s in seconds]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    [kib] = re.findall(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(kib) / 1024


def _trained(folder: Path) -> Path:
    """Return a run of the recipe's network with an export; what it finds does not matter here."""
    data = write_synthetic(folder / "few", 24, size=64)
    config = TrainConfig(method="supervised", size=256, epochs=1, precision="fp32")
    run = train(data, folder / "run", config).path
    export(run, "openvino", "fp32")
    return run


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if the memory grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service", description=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="calls of the service")
    parser.add_argument("--threads", default="2", help="of the server and of predict")
    parser.add_argument("--soak", action="store_true", help="a tiny network, and only the service")
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="crosslevel-bench-") as name:
        folder = Path(name)
        data = write_synthetic(folder / "data", 24 if asked.soak else 100, size=560, masks=0)
        images = sorted((data / "images").iterdir())
        if asked.soak:
            loads = {"torch": call(make_run(folder / "run", 32), images, asked.requests, ())}
        else:
            run, loads = _trained(folder), {}
            for runtime in ("torch", "openvino"):
                how = ("--runtime", runtime, "--threads", asked.threads)
                per_s, cpu_ms = predict_files(run, data / "images", folder / "out", how)
                loads[runtime] = load = call(run, images, asked.requests, how)
                sys.stdout.write(
                    f"{runtime}: predict {per_s:.1f} images/s, {cpu_ms:.1f} ms of processor each; "
                    f"service / predict {load.per_s / per_s:.2f} by the clock, "
                    f"{cpu_ms / load.cpu_ms:.2f} by processor time\n"
                )
    grown = {name: load.late_mib - load.early_mib for name, load in loads.items()}
    sys.stdout.write(
        json.dumps({name: asdict(load) for name, load in loads.items()}, indent=1) + "\n"
    )
    return int(max(grown.values()) > MOST_GROWTH_MIB)


if __name__ == "__main__":
    sys.exit(main())
