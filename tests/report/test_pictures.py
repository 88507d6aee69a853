import re
import shutil
from dataclasses import replace

from PIL import Image, ImageOps

from crosslevel.report.figures import most_disputed
from crosslevel.report.pictures import picture_sections
from crosslevel.runs.collect import collect
from crosslevel.runs.records import Environment


def test_pictures__image_truth_and_every_row_of_each_chosen_case(bench):
    found = collect([bench])
    hard, extreme = picture_sections(found.representatives, None)
    assert hard.gallery is not None
    assert extreme.gallery is not None
    for name, panels in hard.gallery.rows:
        dice = [100 * run.per_image["dice"].to_dict()[name] for run in found.representatives]
        assert [panel.caption for panel in panels] == [
            "image",
            "truth",
            f"supervised: Dice {dice[0]:.0f}",
            f"mean_teacher: Dice {dice[1]:.0f}",
        ]
        assert len({panel.source for panel in panels[:2]}) == 2
    names = [name for name, _ in hard.gallery.rows]
    assert len(set(names)) == len(names)
    first, second = (run.per_image["dice"] for run in found.representatives)
    assert names[0] == (first + second).sort_values(kind="stable").index[0]
    for name, panels in extreme.gallery.rows:
        shown = [float(re.findall(r"Dice (\d+)", panel.caption)[0]) for panel in panels]
        assert name in ("supervised", "mean_teacher")
        assert shown == sorted(shown)


def test_pictures__a_row_without_masks_is_left_out_and_named(bench, tmp_path):
    copy = tmp_path / "bench"
    shutil.copytree(bench, copy)
    shutil.rmtree(copy / "runs" / "supervised-draw0-seed0" / "predictions")
    hard, _ = picture_sections(collect([copy]).representatives, None)
    assert any("no predicted masks of supervised: `crosslevel evaluate" in t for t in hard.text)
    assert hard.gallery is not None
    assert {len(panels) for _, panels in hard.gallery.rows} == {3}


def test_pictures__without_masks_or_images_say_what_to_do(published, lesions, tmp_path):
    runs = collect(published).representatives
    [section] = picture_sections(runs, lesions)
    assert "no predicted masks of small-supervised, small-mean_teacher" in section.text[0]
    shutil.copytree(lesions, tmp_path / "part")
    scored = str(runs[0].per_image.index[0])
    next((tmp_path / "part" / "images").glob(f"{scored}.*")).unlink()
    next((tmp_path / "part" / "masks").glob(f"{scored}.*")).unlink()
    [section] = picture_sections(runs, tmp_path / "part")
    assert f"1 of the 5 scored images are not in {tmp_path / 'part'}" in section.text[0]
    assert "--data DIR" in section.text[0]


def test_pictures__a_recorded_place_with_other_things_is_no_error(bench, tmp_path):
    runs = collect([bench]).representatives
    (tmp_path / "notes.txt").touch()
    environment = Environment(data=str(tmp_path))
    runs = [replace(run, environment=environment) for run in runs]
    [section] = picture_sections(runs, None)
    assert "at the place the runs recorded" in section.text[0]


def test_pictures__files_that_changed_since_are_named(bench, lesions, tmp_path):
    runs = collect([bench]).representatives
    data = tmp_path / "data"
    shutil.copytree(lesions, data)
    assert not any("Changed since" in text for text in picture_sections(runs, data)[0].text)
    first, second = map(str, runs[0].per_image.index[:2])
    [image], [mask] = data.glob(f"images/{first}.*"), data.glob(f"masks/{second}.*")
    ImageOps.invert(Image.open(image)).save(image)
    Image.new("L", (20, 16)).save(mask)
    said = (
        f"Changed since the training's start: 1 image and 1 mask ({image}, {mask}). The scores are "
        "of the files before: restore them, or repeat `crosslevel evaluate RUN`."
    )
    assert said in picture_sections(runs, data)[0].text
    assert said in picture_sections(runs[:1], data)[0].text[0]


def test_pictures__a_mask_that_had_changed_when_it_was_scored_is_as_it_was(
    bench, lesions, tmp_path
):
    runs = [
        replace(run, summary=replace(run.summary, num_masks_changed=1))
        for run in collect([bench]).representatives
    ]
    data = tmp_path / "data"
    shutil.copytree(lesions, data)
    Image.new("L", (32, 32)).save(data / "masks" / f"{runs[0].per_image.index[0]}.png")
    assert not any("Changed since" in text for text in picture_sections(runs, data)[0].text)


def test_most_disputed__is_where_the_rows_differ_most(bench):
    runs = collect([bench]).representatives
    gap = (runs[0].per_image["dice"] - runs[1].per_image["dice"]).abs()
    assert most_disputed(runs, 1) == [gap.idxmax()]
    assert most_disputed(runs[:1], 1) == []
