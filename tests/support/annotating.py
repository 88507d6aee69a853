"""A folder to annotate, a network that suggests masks for it, and a server of its page."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from crosslevel.annotate.learning import Learning
from crosslevel.annotate.options import RankingName
from crosslevel.annotate.patches import Patch, checksum
from crosslevel.annotate.session import Session, Setting
from crosslevel.config.model import ModelConfig
from crosslevel.models.calibration import Calibration, Line, save_calibration
from crosslevel.models.folder import ModelCard, save_model, weights_hash
from crosslevel.models.segmenter import build_segmentation_net
from crosslevel.serving.annotating import annotate_app
from crosslevel.serving.options import ServerOptions
from crosslevel.serving.server import listening, make_server
from crosslevel.types import Classes, Layout, Reading

TOKEN = "0123456789abcdef"
TAB = "tab-of-the-test"
HEIGHT, WIDTH = 60, 80
TINY = """\
method: supervised
size: 32
epochs: 1
batch_labelled: 2
precision: fp32
model: {name: unet, widths: [4, 8]}
"""


def write_images(data: Path, num: int, masks: int = 0) -> Path:
    """Images of a bright disc on noise, and masks of the first of them."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for name in ("images", "masks"):
        (data / name).mkdir(parents=True, exist_ok=True)
    for number in range(num):
        disc = np.hypot(rows - rng.integers(20, 40), columns - rng.integers(25, 55)) < 14
        image = rng.integers(0, 60, (HEIGHT, WIDTH, 3)) + 150 * disc[..., None]
        Image.fromarray(image.astype(np.uint8)).save(data / f"images/case_{number}.png")
        if number < masks:
            Image.fromarray(disc.astype(np.uint8) * 255).save(data / f"masks/case_{number}.png")
    return data


def save_network(folder: Path, classes: int = 1, seed: int = 0) -> Path:
    """A model folder whose network was never trained: it suggests something of every shape."""
    torch.manual_seed(seed)
    model = ModelConfig(widths=(4, 8))
    channels = 1 if classes == 1 else 1 + classes
    card = ModelCard(
        method="supervised",
        model=model,
        classes=[f"class {n}" for n in range(1, classes + 1)],
        num_channels=channels,
        size=32,
        reading=Reading(window=()),
    )
    save_model(folder, build_segmentation_net(model, channels), card)
    return folder


def calibrate(folder: Path, shift: float = -1.0, threshold: float = 0.5) -> Calibration:
    """Give a model folder a calibration, in which empty masks are worth less than others."""
    calibration = Calibration(
        source="validation",
        num_images=12,
        num_empty=3,
        threshold=threshold,
        pixels=Line(slope=1.0, shift=0.0),
        masks=Line(slope=1.2, shift=shift),
        empty_masks=Line(slope=0.5, shift=-3.0),
        weights=weights_hash(folder),
    )
    save_calibration(folder, calibration)
    return calibration


def open_session(data: Path, ranking: RankingName = "both", **classes: int) -> Session:
    return Session(
        Setting(
            data=data,
            who="Ada",
            classes=Classes({**classes}),
            layout=Layout(),
            reading=Reading(),
            ranking=ranking,
            say=lambda _: None,
        )
    )


@contextmanager
def served(learning: Learning) -> Iterator[str]:
    """A server in a thread; yields its address."""
    app = annotate_app(learning, ServerOptions(token=TOKEN))
    with listening("127.0.0.1", 0) as bound:
        server = make_server(app)
        thread = threading.Thread(target=lambda: server.run(sockets=[bound]))
        thread.start()
        try:
            yield "http://{}:{}".format(*bound.getsockname()[:2])
        finally:
            app.state.stopping.set()
            server.should_exit = True
            thread.join()


def number_of(session: Session, name: str) -> int:
    """The number of an image."""
    return [item.case.id for item in session.items].index(name)


def stroke(session: Session, number: int, left: int, value: int = 1) -> None:
    """A square of 4 px, as a page sends it."""
    draft = session.draft(number)
    patch = Patch(left, 2, np.full((4, 4), value, np.uint8))
    session.stroke(
        number,
        {
            "at": draft.cursor,
            "tool": "brush",
            "patch": patch.to_json(),
            "seconds": 3.0,
            "base": checksum(draft.base),
        },
    )


def accept(session: Session, number: int) -> None:
    """Accept what the page would show."""
    session.accept(number, checksum(session.draft(number).mask), 7.25)


def rows(data: Path) -> list[dict[str, str]]:
    """What is written about accepted masks."""
    with (data / "annotations.csv").open(newline="") as file:
        return list(csv.DictReader(file))
