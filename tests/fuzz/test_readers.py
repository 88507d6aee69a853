"""Whatever is in a file, reading it gives an answer or one of our errors, never another one.

The number of examples is that of the hypothesis profile: `make fuzz` tries many more.
"""

import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from crosslevel.config.files import from_yaml
from crosslevel.config.model import ModelConfig
from crosslevel.data.cases import find_cases
from crosslevel.data.draw import make_split
from crosslevel.data.reading import read_hashed_case, read_image, read_mask
from crosslevel.data.split import Split
from crosslevel.models.folder import ModelCard, load_model, save_model
from crosslevel.models.segmenter import build_segmentation_net
from crosslevel.types import Case, Classes
from support.mutated_bytes import answers, mutated

pytestmark = pytest.mark.filterwarnings("ignore")  # decoders warn of what they then refuse

FEWER = settings(deadline=None, max_examples=max(10, settings().max_examples // 5))
"""For a reader that takes long itself."""
CLASSES = (Classes(), Classes({"a": 1, "b": 255}), Classes({"red": (255, 0, 0)}))
READERS = (
    read_image,
    lambda p: read_hashed_case(Case("x", p)),
    *(lambda p, c=c: read_mask(p, c) for c in CLASSES),
)


def encoded(kind, mode):
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
    Image.fromarray(noise).convert(mode).save(buffer, kind)
    return buffer.getvalue()


VALID = [
    encoded(kind, mode)
    for kind, mode in (
        *(("PNG", mode) for mode in ("RGB", "RGBA", "L", "P", "1", "I;16")),
        *(("TIFF", mode) for mode in ("RGB", "CMYK", "F", "I")),
        *(("JPEG", "RGB"), ("JPEG", "CMYK"), ("GIF", "P"), ("BMP", "RGB"), ("WEBP", "RGB")),
        *(("PPM", "RGB"), ("JPEG2000", "RGB")),
    )
]


@settings(deadline=None)
@given(st.binary(max_size=400) | mutated(VALID))
def test_images_and_masks(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.png"
        path.write_bytes(content)
        for read in READERS:
            answers(read, path)


NAMES = (
    *("images", "masks", "train", "test", "Kvasir", "ISIC2018_Task1-2_Training_Input"),
    *("a.png", "a.JPG", "a_mask.png", "b.tif", "c.csv", "x.heic", ".a.png", "loop", "gone.png"),
    *("a b.png", "ä\n.png", os.fsdecode(b"\xff.png"), "ISIC2018_Task1_Training_GroundTruth"),
)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4), max_size=12))
def test_layouts(paths):
    with tempfile.TemporaryDirectory() as folder:
        for parts in paths:
            path = Path(folder, *parts)
            if any(parent.is_file() or parent.is_symlink() for parent in path.parents):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.name in ("loop", "gone.png") and not os.path.lexists(path):
                path.symlink_to(path.parent if path.name == "loop" else "nowhere")
            elif not os.path.lexists(path):
                path.touch()
        found = answers(find_cases, Path(folder))
        if found:
            lost = {bad.case_id for bad in found.bad_files}
            good = [case.id for case in found.cases if case.id not in lost]
            assert len(good) == len(set(good)) or found.faults
            assert all(case.id.encode() for case in found.cases if case.id not in lost)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text('image,mask\n"./a;\x00ä', max_size=60).map(str.encode))
def test_csv(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        for start in (b"", b"image,mask,group,part\n"):
            path.write_bytes(start + content)
            answers(find_cases, path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
SPLIT = make_split(
    [Case(f"c{n}", Path(f"{n}.png"), Path(f"{n}_mask.png")) for n in range(6)],
    labelled=1,
    draw=0,
    seed=0,
)


@settings(deadline=None)
@given(
    st.text(max_size=50) | mutated([SPLIT.to_json().encode()]).map(lambda b: b.decode("latin-1"))
)
def test_split__of_any_text(text):
    answers(Split.from_json, text)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*json.loads(SPLIT.to_json()), "x"]), JSON))
def test_split__of_any_values(changes):
    answers(Split.from_json, json.dumps(json.loads(SPLIT.to_json()) | changes))


KEYS = st.sampled_from(["size", "classes", "model", "split", "labelled", "args", "epochs", "warp"])


@FEWER
@example(b"{model: []}")
@given(st.binary(max_size=60) | st.dictionaries(KEYS, JSON).map(lambda d: json.dumps(d).encode()))
def test_configuration(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "my.yaml"
        path.write_bytes(content)
        answers(from_yaml, path)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The files of a tiny model."""
    folder = tmp_path_factory.mktemp("model")
    config = ModelConfig(widths=(1, 1))
    card = ModelCard(method="supervised", model=config, classes=["a"], num_channels=1, size=8)
    save_model(folder, build_segmentation_net(config, 1), card)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@settings(deadline=None)
@given(data=st.data())
def test_model_folder(model, data):
    damaged = data.draw(st.sampled_from(sorted(model)))
    content = data.draw(st.binary(max_size=60) | mutated([model[damaged]]))
    with tempfile.TemporaryDirectory() as folder:
        for name, whole in model.items():
            (Path(folder) / name).write_bytes(content if name == damaged else whole)
        answers(load_model, Path(folder))
