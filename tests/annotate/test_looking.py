import numpy as np
import pytest

from crosslevel.annotate.looking import Looker, to_levels, to_probability
from crosslevel.annotate.options import RankOptions
from crosslevel.annotate.rank import rank
from crosslevel.cli import main
from crosslevel.errors import InputError
from crosslevel.inference.confidence import mask_confidence
from crosslevel.inference.segmenter import Segmenter
from crosslevel.logits import to_classes
from support.annotating import save_network, write_images


@pytest.mark.parametrize("classes", [1, 2])
def test_look__suggests_what_predict_writes(tmp_path, classes):
    run = save_network(tmp_path / "model", classes)
    image = np.random.default_rng(1).integers(0, 255, (45, 70, 3)).astype(np.uint8)
    segmenter = Segmenter.load(run, runtime="torch")
    [look] = Looker(run).look([image])
    probability = next(segmenter.stream_small([image]))
    differs = look.mask((45, 70), 0.5) != segmenter.predict(image)
    assert differs.mean() < 0.02  # levels are steps of 1/16 of a logit
    assert look.confidence == pytest.approx(
        mask_confidence(probability, to_classes(probability)), abs=1e-4
    )
    assert np.linalg.norm(look.features) == pytest.approx(1, abs=1e-5)


def test_levels__are_steps_of_a_logit():
    probability = np.array([[[0.0, 1 / (1 + np.e), 0.5, 0.9, 1.0, np.nan]]], np.float32)
    levels = to_levels(probability)
    assert levels.tolist() == [[[0, 112, 128, 163, 255, 0]]]
    assert to_probability(levels)[0, 0, 1:4] == pytest.approx(probability[0, 0, 1:4], abs=0.01)


def test_rank__names_images_without_masks_alone(tmp_path, capsys):
    data = write_images(tmp_path / "data", 7, masks=3)
    run = save_network(tmp_path / "model")
    out = tmp_path / "next.csv"
    assert main(["rank", str(run), str(data), "--out", str(out), "--num", "3"]) == 0
    assert f"with the confidence of each (all in {out}):" in capsys.readouterr().err
    lines = out.read_text().splitlines()
    assert lines[0] == "place,image,confidence,distance"
    found = [line.split(",")[1] for line in lines[1:]]
    unmasked = {str(data / f"images/case_{n}.png") for n in range(3, 7)}
    assert len({*found} & unmasked) == 3
    order = rank(run, data, RankOptions(num=3))
    assert [str(placed.case.image) for placed in order] == found


def test_rank__refuses_a_folder_that_is_done(tmp_path):
    data = write_images(tmp_path / "data", 3, masks=3)
    with pytest.raises(InputError, match="every image has a mask"):
        rank(save_network(tmp_path / "model"), data)
    with pytest.raises(InputError, match="num is 0"):
        RankOptions(num=0)
