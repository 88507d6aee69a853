"""The service as other programs call it: the same masks as `predict`, whatever kind of file."""

import io
import json
import re
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from crosslevel.data.formats.readers import read_picture
from crosslevel.inference.predict import predict
from crosslevel.inference.segmenter import Segmenter
from crosslevel.models.folder import load_card
from crosslevel.serving.predictor import Predictor
from support import medical_files
from support.annotating import calibrate
from support.drawn import filled, from_coco
from support.served import form, serving
from support.tiny_service import picture, service_of, write_model

BRUSH = (
    '<View><Image name="img" value="$image"/><BrushLabels name="tag" toName="img">'
    '<Label value="Polyp"/></BrushLabels></View>'
)
RNG = np.random.default_rng(1)
COLOURS = picture()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def running(model):
    with serving(service_of(model)) as served:
        yield served


def encoded(kind, pixels=COLOURS, **options):
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **options)
    return content.getvalue()


def sent(running, content, name="image.png", query=""):
    body, kind = form(content, name)
    return running.ask(f"/v1/predict{query}", body, Content_Type=kind)


FILES = {
    "a.png": encoded("PNG"),
    "b.JPG": encoded("JPEG"),
    "c.bmp": encoded("BMP"),
    "d.webp": encoded("WEBP", lossless=True),
    "e.tif": encoded("TIFF"),
    "turned.jpg": encoded(
        "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    ),
    "grey.png": encoded("PNG", COLOURS[..., 0]),
    "alone.gif": encoded("GIF"),
}


@pytest.fixture(scope="module")
def masks(model, tmp_path_factory):
    """What `predict` writes for these files, and its confidence."""
    images, out = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("masks")
    for name, content in FILES.items():
        (images / name).write_bytes(content)
    medical_files.write_dicom(images / "f.dcm", COLOURS[..., 0], bits=8)
    medical_files.write_nifti(images / "g.nii", COLOURS[..., :1], (0.5, 2, 1))
    predicted = predict(model, images, out, runtime="torch")
    assert predicted.problems == []
    return images, out, {path.name: sure for path, sure in predicted.confidence.items()}


@pytest.mark.parametrize("name", [*FILES, "f.dcm"])
def test_predict__is_bit_for_bit_what_the_command_writes(running, masks, name):
    images, out, confidence = masks
    answer = sent(running, (images / name).read_bytes(), name)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.body == (out / f"{name.partition('.')[0]}.png").read_bytes()
    assert answer.headers["X-Confidence"] == f"{confidence[name]:.4f}"


@pytest.mark.parametrize("name", ["anything", "x.png", "../../etc/passwd", "x.dcm\0.png", "é\r\n"])
@pytest.mark.parametrize("kind", ["f.dcm", "g.nii"])
def test_predict__knows_by_the_content_what_a_name_does_not_say(running, masks, kind, name):
    images, _, confidence = masks
    answer = sent(running, (images / kind).read_bytes(), name.replace("\r\n", ""))
    assert answer.status == 200
    assert answer.headers["X-Confidence"] == f"{confidence[kind]:.4f}"


def test_predict__json_has_shapes_areas_and_millimetres(running, masks):
    images, _, confidence = masks
    content = (images / "g.nii").read_bytes()
    drawn = np.asarray(Image.open(io.BytesIO(sent(running, content).body))) == 255
    assert 0.2 < drawn.mean() < 0.8  # both values, or nothing is tested
    for query in ("?format=polygons", "?format=rle"):
        found = sent(running, content, query=query).json()
        assert (found["height"], found["width"]) == drawn.shape
        assert found["confidence"] == round(confidence["g.nii"], 4)
        assert found["spacing_mm"] == [0.5, 2]
        [only] = found["classes"]
        assert only["area_px"] == drawn.sum()
        assert only["area_mm2"] == drawn.sum()  # 0.5 × 2 mm
        assert (only["name"], only["index"]) == ("class1", 1)
        if "rle" in only:
            assert only["rle"]["size"] == list(drawn.shape)
            assert (from_coco(only["rle"]["counts"], drawn.shape) == drawn).all()
        else:
            rings = [[np.array(ring) for ring in polygon] for polygon in only["polygons"]]
            assert (filled(rings, drawn.shape) == drawn).all()


def test_predict__says_the_expected_dice_that_the_command_says(running, tmp_path):
    model, images = write_model(tmp_path / "model"), tmp_path / "images"
    calibrate(model, threshold=load_card(model).threshold)
    images.mkdir()
    for seed in (1, 2):
        (images / f"{seed}.png").write_bytes(encoded("PNG", picture(seed=seed)))
    expected = predict(model, images, tmp_path / "out", runtime="torch").expected_dice
    with serving(service_of(model)) as calibrated:
        assert calibrated.ask("/v1/model").json()["has_expected_dice"] is True
        for image, dice in expected.items():
            answer = sent(calibrated, image.read_bytes())
            assert answer.headers["X-Expected-Dice"] == f"{dice:.4f}"
            said = sent(calibrated, image.read_bytes(), query="?format=rle").json()
            assert said["expected_dice"] == round(dice, 4) != said["confidence"]
            address = "data:image/png;base64," + b64encode(image.read_bytes()).decode()
            tasks = {"tasks": [{"data": {"image": address}}], "label_config": BRUSH}
            answer = calibrated.ask("/predict", json.dumps(tasks), Content_Type="application/json")
            [result] = answer.json()["results"]
            assert result["score"] == result["result"][0]["score"] == round(dice, 4)
    plain = sent(running, image.read_bytes())
    assert "X-Expected-Dice" not in plain.headers
    assert "expected_dice" not in sent(running, image.read_bytes(), query="?format=rle").json()
    assert running.ask("/v1/model").json()["has_expected_dice"] is False


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?spacing_mm=1&spacing_mm=0", "both sides of a pixel must be above 0 mm"),
        ("?spacing_mm=nan&spacing_mm=1", "must be above 0 mm"),
        ("?spacing_mm=1&spacing_mm=1", r"the file says \[0.5, 2.0\]: leave it out"),
        ("?spacing_mm=1", "at least 2 items"),
        ("?format=gif", "'png', 'polygons' or 'rle'"),
        ("?frame=-1", "greater than or equal to 0"),
        ("?frame=5", r"image.png: has 1 frames, not 6"),
    ],
)
def test_predict__what_a_caller_says_wrong_is_named(running, masks, query, message):
    answer = sent(running, (masks[0] / "g.nii").read_bytes(), query=query)
    assert answer.status == 422
    assert re.search(message, str(answer.json()["detail"]).replace("\\'", "'"))


def test_predict__spacing_that_only_the_caller_knows(running):
    answer = sent(running, FILES["a.png"], query="?format=rle&spacing_mm=0.5&spacing_mm=0.25")
    [only] = answer.json()["classes"]
    assert only["area_mm2"] == only["area_px"] / 8


def test_predict__of_several_frames_one_is_chosen(running, model, tmp_path):
    volume = medical_files.write_nifti(
        tmp_path / "v.nii.gz", RNG.integers(0, 256, (9, 12, 3), np.uint8)
    )
    content = volume.read_bytes()
    answer = sent(running, content, "v.nii.gz")
    assert answer.status == 422
    assert (
        answer.json()["detail"] == "v.nii.gz: holds 3 images. Say which one by frame=0 … frame=2."
    )
    predict(model, volume, tmp_path / "masks", runtime="torch")
    for frame in range(3):
        body = sent(running, content, query=f"?frame={frame}").body
        written = read_picture(tmp_path / "masks/v.nii.gz", frame).pixels
        assert (np.asarray(Image.open(io.BytesIO(body))) == 255 * written).all()


def test_predict__of_several_classes(tmp_path):
    folder = write_model(tmp_path / "model", classes=3)
    (tmp_path / "a.png").write_bytes(FILES["a.png"])
    predict(folder, tmp_path / "a.png", tmp_path / "masks", runtime="torch")
    with serving(service_of(folder)) as running:
        body = sent(running, FILES["a.png"]).body
        found = sent(running, FILES["a.png"], query="?format=rle").json()
        assert running.ask("/v1/model").json()["classes"] == ["class1", "class2", "class3"]
    assert body == (tmp_path / "masks/a.png").read_bytes()
    drawn = np.asarray(Image.open(io.BytesIO(body)))
    assert [one["area_px"] for one in found["classes"]] == [(drawn == i).sum() for i in (1, 2, 3)]


def test_model__and_metrics(running):
    about = running.ask("/v1/model").json()
    assert about["runtime"] == "PyTorch"
    assert about["size"] == 32
    assert sent(running, FILES["a.png"], query="?format=rle").json()["model"] == about["id"]
    lines = running.ask("/metrics").body.decode().splitlines()
    assert any(
        line.startswith('crosslevel_requests_total{path="/v1/predict",status="200"}')
        for line in lines
    )
    assert "crosslevel_waiting_requests 0.0" in lines
    running.ask("/made/up")
    assert '"/made/up"' not in running.ask("/metrics").body.decode()
    assert 'path="other"' in running.ask("/metrics").body.decode()


def test_warning__names_images_unlike_those_of_the_training(tmp_path):
    folder = write_model(tmp_path / "model", window=(0.0, 255.0))
    deep = encoded("PNG", np.full((40, 40), 60000, np.uint16))
    with serving(service_of(folder)) as running:
        note = sent(running, deep).headers["X-Warning"]
        assert sent(running, deep, query="?format=rle").json()["warning"] == note
    assert note


def test_predictor__leaves_the_cores_to_the_network(model):
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    predictor = Predictor(Segmenter.load(model, runtime="torch"), 10**6)
    try:
        predictor._batcher._forward = lambda images: np.full(
            (len(images), 1, 1, 1), torch.get_num_threads(), np.float32
        )
        assert predictor._batcher(COLOURS).item() == 2
        with ThreadPoolExecutor(1) as others:
            assert others.submit(torch.get_num_threads).result() == 1
    finally:
        predictor.close()
        torch.set_num_threads(usual)
