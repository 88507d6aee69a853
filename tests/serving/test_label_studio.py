"""Label Studio's calls as it makes them, and what its tasks may not name."""

import base64
import json
import os

import numpy as np
import pytest

from crosslevel.errors import InputError
from crosslevel.inference.segmenter import Segmenter
from crosslevel.serving.label_studio import _regions
from crosslevel.serving.labelling import read_labelling
from crosslevel.serving.options import ServiceOptions
from crosslevel.serving.predictor import Predicted
from serving.test_service import COLOURS, FILES
from support.drawn import from_brush, is_inside
from support.served import serving
from support.tiny_service import service_of, write_model

VIEW = (
    '<View><Header value="x"/><Image name="img" value="$picture"/>'
    '<{tool} name="tag" toName="img"><Label value="Polyp"/></{tool}></View>'
)
BRUSH, POLYGON = VIEW.format(tool="BrushLabels"), VIEW.format(tool="PolygonLabels")
PNG = "data:image/png;base64," + base64.b64encode(FILES["a.png"]).decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What `--files` names, beside a secret that it does not."""
    outside = tmp_path_factory.mktemp("label-studio")
    (outside / "secret.png").write_bytes(FILES["a.png"])
    media = outside / "media"
    (media / "upload" / "1").mkdir(parents=True)
    (media / "upload" / "1" / "a b.png").write_bytes(FILES["a.png"])
    (media / "link.png").symlink_to(outside / "secret.png")
    (media / "circle.png").symlink_to(media / "circle.png")
    os.mkfifo(media / "pipe.png")
    (media / "notes.png").write_text("root:x:0:0")
    return media


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def running(model, folder):
    with serving(service_of(model, ServiceOptions(files=folder))) as served:
        yield served


@pytest.fixture(scope="module")
def mask(model):
    return Segmenter.load(model, runtime="torch").predict(COLOURS) == 1


def asked(running, path, **content):
    return running.ask(path, json.dumps(content), Content_Type="application/json")


def predicted(running, *images, view=BRUSH):
    tasks = [{"id": i, "data": {"picture": image}} for i, image in enumerate(images)]
    more = {"project": "1.1700000000", "params": {"context": None}, "model_version": None}
    return asked(running, "/predict", tasks=tasks, label_config=view, **more)


def test_connect__as_label_studio_does(running):
    assert running.ask("/health").json() == {"status": "UP", "model_class": "Crosslevel"}
    said = {"project": "1.17", "hostname": "http://ls:8080", "access_token": "x", "schema": BRUSH}
    about = running.ask("/v1/model").json()
    assert asked(running, "/setup", **said).json() == {"model_version": about["id"]}


def test_predict__a_brush_is_the_mask(running, mask):
    [one] = predicted(running, PNG).json()["results"]
    [region] = one["result"]
    assert (region["type"], region["from_name"], region["to_name"]) == ("brushlabels", "tag", "img")
    assert (region["original_height"], region["original_width"]) == mask.shape
    assert region["value"]["brushlabels"] == ["Polyp"]
    assert (from_brush(region["value"]["rle"], mask.shape) == mask).all()
    assert 0 < one["score"] == region["score"] < 1


def test_predict__polygons_are_the_mask_in_percent(running, mask):
    [one] = predicted(running, PNG, view=POLYGON).json()["results"]
    scale = np.array(mask.shape[::-1]) / 100
    rings = [np.array(region["value"]["points"]) * scale for region in one["result"]]
    assert {region["value"]["polygonlabels"][0] for region in one["result"]} == {"Polyp"}
    drawn = np.zeros(mask.shape, bool)
    for row, column in np.ndindex(mask.shape):
        drawn[row, column] = any(is_inside(column + 0.5, row + 0.5, ring) for ring in rings)
    assert (drawn == mask).all()


def test_regions__of_a_polygon_keep_their_holes():
    region = np.zeros((9, 9), bool)
    region[1:8, 1:8] = True
    region[3:5, 3:6] = False
    labelling = read_labelling(POLYGON, ["polyp"])
    [one] = _regions(Predicted(region.astype(np.uint8), 0.5, None, None, ""), labelling, 0.5)
    ring = np.array(one["value"]["points"]) * 9 / 100
    inside = [[is_inside(x + 0.5, y + 0.5, ring) for x in range(9)] for y in range(9)]
    assert (np.array(inside) == region).all()


def test_regions__are_none_of_an_empty_mask():
    for view in (BRUSH, POLYGON):
        found = Predicted(np.zeros((4, 4), np.uint8), 0.5, None, None, "")
        assert list(_regions(found, read_labelling(view, ["polyp"]), 0.5)) == []


@pytest.mark.parametrize(
    "named",
    [
        "/data/local-files/?d=upload/1/a%20b.png",
        "/data/local-files/?d=/upload/1/a b.png",
        "/data/upload/1/a%20b.png",
        "http://label-studio:8080/data/upload/1/a%20b.png",
    ],
)
def test_image__of_the_folder_is_read(running, named):
    [one] = predicted(running, named).json()["results"]
    assert one["result"]


@pytest.mark.parametrize(
    "named",
    [
        "/data/local-files/?d=../secret.png",
        "/data/local-files/?d=upload/../../secret.png",
        "/data/local-files/?d=..%2fsecret.png",
        "/data/local-files/?d=link.png",
        "/data/local-files/?d=circle.png",
        "/data/local-files/?d=pipe.png",
        "/data/local-files/?d=upload",
        "/data/local-files/?d=a%00.png",
        "/data/local-files/?d=" + "x" * 5000,
        "/data/local-files/",
        "/data/../secret.png",
        "/data/%2e%2e/secret.png",
        "/data//etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1/a.png",
        "https://evil.example/a.png",
        "s3://bucket/a.png",
        "http://[evil/a.png",
        "",
    ],
)
def test_image__of_anywhere_else_is_not(running, named):
    answer = predicted(running, named)
    assert answer.status == 422
    assert "no such image here" in answer.json()["detail"]


@pytest.mark.parametrize("named", ["data:image/png,abc", "data:image/png;base64,?", "data:"])
def test_image__that_is_not_base64_is_named(running, named):
    assert predicted(running, named).status == 422


def test_image__that_is_none_says_nothing_of_its_content(running):
    answer = predicted(running, "/data/local-files/?d=notes.png")
    assert answer.status == 422
    assert "notes.png: not an image, or damaged" in answer.json()["detail"]
    assert "root" not in answer.body.decode()


def test_image__nothing_of_the_folder_without_its_option(model):
    with serving(service_of(model)) as running:
        assert predicted(running, "/data/upload/1/a%20b.png").status == 422
        assert predicted(running, PNG).status == 200


def test_predict__one_bad_image_does_not_spoil_the_others(running):
    bad, good = predicted(running, "/etc/passwd", PNG).json()["results"]
    assert bad["result"] == []
    assert "no such image" in bad["error"]
    assert good["result"]
    assert "error" not in good
    bad, good = predicted(running, "\ud83d", PNG).json()["results"]
    assert "no such image" in bad["error"]


NOT_TEXT = (b"NaN", b"-Infinity", b"1e999", b'"\\ud83d"', b'{"\\ud83d": NaN}', b"[NaN]")
"""JSON as Python reads it, of which no JSON can be made again."""


@pytest.mark.parametrize("value", NOT_TEXT)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/setup", b'{"schema": %b}'),
        ("/predict", b'{"tasks": %b, "label_config": ""}'),
        ("/predict", b'{"tasks": [{"data": %b}], "label_config": ""}'),
        (
            "/predict",
            b'{"tasks": [{"data": {"picture": %b}}], "label_config": '
            + json.dumps(BRUSH).encode()
            + b"}",
        ),
        ("/predict", b"%b"),
    ],
)
def test_json__that_cannot_be_said_again_is_refused(running, path, body, value):
    answer = running.ask(path, body % value, Content_Type="application/json")
    assert answer.status == 422
    assert answer.json()["detail"]


def test_json__says_where_it_does_not_fit(running):
    [problem] = asked(running, "/setup", schema=5).json()["detail"]
    assert problem["loc"] == ["body", "schema"]
    assert problem["msg"] == "Input should be a valid string"


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ("", "is not XML"),
        ("<View>", "is not XML"),
        ("<View/>", "has no BrushLabels or PolygonLabels that draws on an Image"),
        (BRUSH.replace('toName="img"', 'toName="other"'), "that draws on an Image"),
        ('<!DOCTYPE x [<!ENTITY a "b">]>' + BRUSH, "declares entities"),
    ],
)
def test_labelling__that_does_not_fit_is_named_when_connecting(running, view, message):
    answer = asked(running, "/setup", schema=view)
    assert answer.status == 422
    assert message in answer.json()["detail"]


def test_labelling__labels_are_classes_by_name():
    view = BRUSH.replace('<Label value="Polyp"/>', '<Label value="B"/><Label value="a"/>')
    assert read_labelling(view, ["A", "c"]).labels == {1: "a"}
    with pytest.raises(InputError, match=r"The labels B, a are not classes .* which are c, d"):
        read_labelling(view, ["c", "d"])
