"""Nothing that names a patient leaves the images: a search through all that a full run writes."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosslevel.cli import main
from support.medical_files import NAME, write_dicom

pytest.importorskip("pydicom")
TINY = [
    *("--method", "supervised", "--size", "32", "--epochs", "1", "--precision", "fp32"),
    *("--model.name", "unet", "--model.widths", "[4,8]", "--threads", "1"),
]
PATIENTS = [f"MRN00471108{number}" for number in range(6)]
ACCESSION, STUDY = "ACC0815", "S0815"
SECRETS = [*PATIENTS, ACCESSION, STUDY, *NAME.split("^")]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A whole life of a data set of 12 DICOM files of 6 patients; what was said, what is there."""
    root = tmp_path_factory.mktemp("clinic")
    images, masks = root / "data" / "images", root / "data" / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        mask = np.zeros((32, 40), np.uint8)
        mask[4 + number : 14 + number, 8:20] = 1
        array = (rng.integers(0, 500, mask.shape) + mask * np.int64(1500)).astype(np.uint16)
        patient = PATIENTS[number // 2]
        write_dicom(images / f"x{number:02}.dcm", array, patient=patient, PixelSpacing=[0.5, 0.5])
        Image.fromarray(mask * 255).save(masks / f"x{number:02}.png")
    (images / "cut.dcm").write_bytes((images / "x00.dcm").read_bytes()[:600])
    before, os.environ["CROSSLEVEL_CACHE"] = os.environ["CROSSLEVEL_CACHE"], str(root / "cache")
    yield root
    os.environ["CROSSLEVEL_CACHE"] = before


def commands(root: Path) -> list[list[str]]:
    data, run, out = str(root / "data"), str(root / "run"), str(root / "out")
    return [
        ["data", "check", data],
        ["train", "--data", data, "--out", run, *TINY],
        ["train", "--data", data, "--out", run, "--skip_bad", "--evaluate", *TINY],
        ["evaluate", run, "--subset", "val"],
        ["report", run],
        ["predict", run, f"{data}/images", "--out", out, "--overlay", "--probabilities"],
        ["export", run, "--format", "torchscript"],
    ]


def test_full_run__names_nobody(written, capfd):
    codes = [main(words) for words in commands(written)]
    assert codes == [2, 2, 0, 0, 0, 1, 0]  # one file is cut off
    said = "".join(capfd.readouterr())
    assert "cut.dcm: cannot be decoded as DICOM" in said
    assert [secret for secret in SECRETS if secret in said] == []
    places = [written / "run", written / "out", written / "cache"]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert {"per_image.csv", "report.html", "split.json", "x00.png"} <= {p.name for p in files}
    for path in files:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        found = [s for s in SECRETS if s.encode() in content or s in str(path.relative_to(written))]
        assert found == [], path


def test_patients__are_on_one_side_of_the_split(written):
    import json

    split = json.loads((written / "run" / "split.json").read_text())
    sides: dict[int, set[str]] = {}
    for part in ("train_labelled", "train_unlabelled", "val", "test"):
        for case_id in split[part]:
            sides.setdefault(int(case_id[1:]) // 2, set()).add(part.partition("_")[0])
    assert all(len(parts) == 1 for parts in sides.values())


def test_scores__are_in_millimetres(written):
    import pandas as pd

    rows = pd.read_csv(written / "run" / "per_image.csv")
    np.testing.assert_allclose(rows["hd95_mm"], rows["hd95_px"] / 2, rtol=1e-5)
    assert (rows["area_mm2"] == 10 * 12 / 4).all()
