import json
import shutil

import pandas as pd
import pytest

from crosslevel.runs.folder import RunFolder
from crosslevel.runs.out_of_fold import OutOfFold
from crosslevel.runs.progress import Progress


@pytest.fixture
def run(bench, tmp_path):
    return RunFolder(shutil.copytree(bench / "runs/supervised-draw0-seed0", tmp_path / "run"))


def test_read__counts_the_rows_of_the_log(run):
    log = pd.read_csv(run.log_file)
    best = 100 * log["val/dice"].max()
    assert Progress(run).read() == (1.0, f"Epoch 3 of 3, best validation Dice {best:.1f}")
    run.log_file.write_text("\n".join(run.log_file.read_text().splitlines()[:2]))
    first = 100 * log["val/dice"][0]
    share, said = Progress(run).read()
    assert share == pytest.approx(1 / 3)
    assert said == f"Epoch 1 of 3, best validation Dice {first:.1f}"


def test_read__before_the_first_epoch_names_the_fold(run, tmp_path):
    assert Progress(RunFolder(tmp_path / "nothing")).read() == (0.0, "")
    run.log_file.unlink()
    for name in "12":
        run.fold(name).path.mkdir(parents=True)
        shutil.copy(run.config_file, run.fold(name).config_file)
    assert Progress(run).read()[1].startswith("Fold 2,")


def test_score__is_out_of_fold_where_there_were_folds(run):
    best = 100 * pd.read_csv(run.log_file)["val/dice"].max()
    num_val = len(json.loads(run.split_file.read_text())["val"])
    dice, *scored_on = Progress(run).score()
    assert dice == pytest.approx(best)
    assert scored_on == [num_val, "validation images"]
    found = OutOfFold(num_folds=3, num_masks=20, dice=71.5, interval=(60, 80), threshold=0.5)
    run.out_of_fold_file.parent.mkdir()
    run.out_of_fold_file.write_text(found.to_json())
    assert Progress(run).score() == (71.5, 20, "masks, out of fold")
