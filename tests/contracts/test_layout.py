"""What every layout keeps by its place in `LAYOUTS`: nothing in a folder passes in silence."""

import pytest

from crosslevel.data.cases import find_cases
from crosslevel.data.layouts import LAYOUTS, Folder, recognise

EXAMPLES = {
    "images_and_masks": {"images/a.png": "masks/a.png", "images/b.jpg": "masks/b_mask.png"},
    "isic_2018": {
        f"ISIC2018_Task1-2_{part}_Input/{stem}.jpg": (
            f"ISIC2018_Task1_{part}_GroundTruth/{stem}_segmentation.png"
        )
        for part, stems in {"Training": "ab", "Validation": "cd", "Test": "ef"}.items()
        for stem in stems
    },
    "fixed_parts": {
        f"{part}/images/{stem}.png": f"{part}/masks/{stem}.png"
        for part, stems in {"train": "ab", "val": "cd", "test": "ef"}.items()
        for stem in stems
    },
    "nested_groups": {
        f"images/{name}/{stem}.png": f"masks/{name}/{stem}.png" for name in "xy" for stem in "ab"
    },
    "named_sets": {
        f"{name}/images/{stem}.png": f"{name}/masks/{stem}.png" for name in "xy" for stem in "ab"
    },
    "ph2": {
        f"{x}/{x}_Dermoscopic_Image/{x}.bmp": f"{x}/{x}_lesion/{x}_lesion.bmp"
        for x in ("IMD003", "IMD009")
    },
    "images_alone": {"a.png": "a_mask.png", "b.png": "b_mask.png"},
    "wrapped": {f"Kvasir-SEG/images/{s}.jpg": f"Kvasir-SEG/masks/{s}.jpg" for s in "ab"},
}
"""Of each layout: image → its mask."""
NAMES = [layout.__name__ for layout in LAYOUTS]


@pytest.fixture(params=NAMES)
def example(request, tmp_path):
    assert request.param in EXAMPLES, "give an example of the layout here"
    pairs = EXAMPLES[request.param]
    for name in [*pairs, *pairs.values()]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return request.param, tmp_path, pairs


def told(found):
    """All that a person is told, and the cases."""
    return found.problems, found.warnings, sorted(found.cases)


def test_layout__finds_its_example_before_any_other(example):
    name, folder, pairs = example
    assert next(x.__name__ for x in LAYOUTS if x(Folder.scan(folder))) == name
    found = find_cases(folder)
    assert (found.problems, found.warnings) == ([], [])
    assert {case.image: case.mask for case in found.cases} == {
        folder / image: folder / mask for image, mask in pairs.items()
    }
    assert len({case.id for case in found.cases}) == len(pairs)


def test_layout__any_other_folder_is_none_of_its_business(example):
    _, folder, _ = example
    for layout in LAYOUTS:
        layout(Folder.scan(folder))
    (folder / "empty").mkdir()
    assert recognise(Folder.scan(folder / "empty")) is None


def test_layout__an_image_without_its_mask_is_unlabelled(example):
    _, folder, pairs = example
    image, mask = next(iter(pairs.items()))
    (folder / mask).unlink()
    found = find_cases(folder)
    assert found.problems == []
    assert [case.image for case in found.cases if case.mask is None] == [folder / image]


def test_layout__no_file_can_go_unnoticed(example):
    _, folder, pairs = example
    before = told(find_cases(folder))
    for name in [*pairs, *pairs.values()]:
        (folder / name).unlink()
        assert told(find_cases(folder)) != before, name
        (folder / name).touch()


def test_layout__what_is_not_used_is_named(example):
    _, folder, pairs = example
    for place in {(folder / name).parent for name in [*pairs, *pairs.values()]}:
        (place / "notes.docx").touch()
        problems, warnings, _ = told(find_cases(folder))
        assert any(str(place / "notes.docx") in line for line in [*problems, *warnings])
        (place / "notes.docx").unlink()


def test_layout__files_of_the_system_and_hidden_ones_are_not_mentioned(example):
    _, folder, pairs = example
    before = told(find_cases(folder))
    for place in {(folder / name).parent for name in [*pairs, *pairs.values()]}:
        for name in (".DS_Store", "._a.png", "Thumbs.db", "desktop.ini"):
            (place / name).touch()
    (folder / "__MACOSX").mkdir()
    assert told(find_cases(folder)) == before
