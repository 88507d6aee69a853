"""PH2 as downloaded: a folder for each lesion, with its image and its mask in folders of their own.

`IMD003/IMD003_Dermoscopic_Image/IMD003.bmp`, `IMD003/IMD003_lesion/IMD003_lesion.bmp`, and colour
regions in `IMD003_roi/`, which are not used.
"""

from __future__ import annotations

from dataclasses import replace

from crosslevel.data.layouts.folder import Folder, Found, describe_passed_over, merge
from crosslevel.data.layouts.pairing import all_of_one, pair
from crosslevel.data.layouts.siblings import describe_beside

IMAGE, MASK, REGIONS = "dermoscopic_image", "lesion", "roi"


def ph2(folder: Folder) -> Found | None:
    """Lesions of PH2, side by side; the images' own names are the ids."""
    lesions = {name: folder.sub_folder(name) for name in folder.folders}
    kinds = {name: _kinds(name, sub) for name, sub in lesions.items()}
    known = [name for name, of in kinds.items() if IMAGE in of]
    if not known:
        return None
    found = merge({name: _one(lesions[name], kinds[name]) for name in known})
    with_regions = [name for name in known if REGIONS in kinds[name]]
    warnings = [*describe_beside(folder, known), *describe_passed_over(folder.path, folder.images)]
    if with_regions:
        first = lesions[with_regions[0]].path / kinds[with_regions[0]][REGIONS]
        warnings.append(f"{first}: regions of {len(with_regions)} images, which are not used.")
    return found.warning(warnings)


def _kinds(name: str, lesion: Folder) -> dict[str, str]:
    """Sub-folders by what their names add to the lesion's, in lower case."""
    begin = f"{name}_".lower()
    return {
        sub[len(begin) :].lower(): sub for sub in lesion.folders if sub.lower().startswith(begin)
    }


def _one(lesion: Folder, kinds: dict[str, str]) -> Found:
    images = lesion.sub_folder(kinds[IMAGE])
    masks = replace(images, images=[], folders=[], others=[])
    if MASK in kinds:
        masks = lesion.sub_folder(kinds[MASK])
    if len(images.images) == 1 and masks.images:
        found = all_of_one(images.path / images.images[0], masks)
        beside = [
            line for sub in (images, masks) for line in describe_passed_over(sub.path, sub.others)
        ]
    else:
        found, beside = pair(images, masks), []
    used = [kinds[kind] for kind in (IMAGE, MASK, REGIONS) if kind in kinds]
    return found.warning([*beside, *describe_beside(lesion, used)])
