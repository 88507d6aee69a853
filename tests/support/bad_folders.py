"""How each row of `docs/reference/bad-input.md` is brought about in a folder of 24 lesions."""

from __future__ import annotations

import math
import os
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crosslevel.cli import main
from crosslevel.data.layouts import Folder, Found, recognise
from support.odd_masks import (
    LABELS,
    RING,
    THREE_GREYS,
    TWO_COLOURS,
    damaged_image_of_the_only_mask,
    damaged_masks,
    drawings_among_images,
    every_mask,
    fields_of_view,
    image_like_a_mask,
    images_beside,
    like_slices,
    named_after_images,
    second_masks,
    small_image,
)

TINY = [
    *("--size", "32", "--method", "supervised", "--epochs", "1", "--batch_labelled", "8"),
    *("--model.name", "unet", "--model.widths", "[4,8]", "--precision", "fp32", "--threads", "1"),
]
Patch = pytest.MonkeyPatch
STEM = "lesion_0003"


def train(data: Path, run: Path, *more: str) -> int:
    """The command on the smallest network; its exit code."""
    return main(["train", "--data", str(data), "--out", str(run), *TINY, *more])


def image(data: Path, stem: str = STEM) -> Path:
    return data / "images" / f"{stem}.jpg"


def mask(data: Path, stem: str = STEM) -> Path:
    return data / "masks" / f"{stem}.png"


def draw(path: Path, array: object) -> None:
    Image.fromarray(np.asarray(array, np.uint8)).save(path)


def become(data: Path, suffix: str, picture: Image.Image, **options: object) -> Path:
    """The image of `STEM` as another kind of file."""
    image(data).unlink()
    picture.save(data / "images" / f"{STEM}{suffix}", **options)  # type: ignore[arg-type]
    return data


def picture(data: Path) -> Image.Image:
    with Image.open(image(data)) as opened:
        return opened.convert("RGB")


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def cut_off(data: Path) -> None:
    image(data).write_bytes(image(data).read_bytes()[:400])


def is_huge(data: Path) -> None:
    become(data, ".png", Image.new("L", (1, 1)))
    (data / "images" / f"{STEM}.png").write_bytes(png_header(60_000, 60_000))


def has_fractions(data: Path, odd: float = 0.5) -> None:
    array = np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32)
    array[3, 4] = odd
    become(data, ".tif", Image.fromarray(array))


def has_pages(data: Path) -> None:
    pages = [picture(data).rotate(angle) for angle in (90, 180)]
    become(data, ".tif", picture(data), save_all=True, append_images=pages)


def as_grey(data: Path) -> None:
    become(data, ".png", picture(data).convert("L"))


def is_link_to(data: Path, target: str) -> None:
    image(data).unlink()
    image(data).symlink_to(target)


def vanishes(data: Path, patch: Patch) -> None:
    """Once the folder is listed."""

    def list_and_remove(folder: Folder) -> Found | None:
        found = recognise(folder)
        image(data).unlink(missing_ok=True)
        return found

    patch.setattr("crosslevel.data.cases.recognise", list_and_remove)


def is_not_utf8(data: Path) -> None:
    for path in (image(data), mask(data)):
        odd = os.fsencode(path.parent) + b"/caf\xe9" + os.fsencode(path.suffix)
        os.rename(os.fsencode(path), odd)


def is_turned(data: Path) -> None:
    draw(mask(data), np.eye(48, 32) * 255)
    picture(data).resize((48, 32)).save(image(data))


def remove_masks(data: Path, keep: int = 0) -> None:
    masks = sorted((data / "masks").iterdir())
    for path in masks[keep:]:
        path.unlink()
    if not keep:
        (data / "masks").rmdir()


def rename_masks(data: Path) -> None:
    for path in (data / "masks").iterdir():
        path.rename(path.with_name(f"{abs(hash(path.name))}{path.suffix}"))


def every_mask_black(data: Path) -> None:
    for path in (data / "masks").iterdir():
        draw(path, np.zeros((32, 32)))


def without_images(data: Path) -> None:
    for name in ("images", "masks"):
        shutil.rmtree(data / name)
    (data / "scan.heic").write_text("")


def inverted(data: Path) -> None:
    array = np.zeros((32, 32))
    array[10:20, 8:22] = 255
    draw(mask(data), 255 - array)


def grey(data: Path) -> None:
    draw(mask(data), np.linspace(0, 255, 32 * 32).reshape(32, 32))


def in_parts(data: Path) -> Path:
    """The first 16 lesions in a folder for training, the others in one for the test."""
    for folder in ("images", "masks"):
        for number, path in enumerate(sorted((data / folder).iterdir())):
            target = data / ("train" if number < 16 else "test") / folder
            target.mkdir(parents=True, exist_ok=True)
            path.rename(target / path.name)
        (data / folder).rmdir()
    return data


def same_in_both_parts(data: Path) -> Path:
    in_parts(data)
    shutil.copy(data / "test/images/lesion_0020.jpg", data / f"train/images/{STEM}.jpg")
    return data


def alike_in_both_parts(data: Path) -> Path:
    in_parts(data)
    with Image.open(data / "test/images/lesion_0020.jpg") as original:
        original.save(data / f"train/images/{STEM}.jpg", quality=95, subsampling=0)
    return data


def as_csv(data: Path, extra: Callable[[int], str] = lambda _: "") -> Path:
    lines = [
        f"images/lesion_{number:04}.jpg,masks/lesion_{number:04}.png,{extra(number)}"
        for number in range(24)
    ]
    (data / "data.csv").write_text("image,mask,group,part\n" + "\n".join(lines))
    return data / "data.csv"


def row_without_image(data: Path) -> Path:
    path = as_csv(data)
    path.write_text(path.read_text().replace(f"images/{STEM}.jpg", "images/gone.jpg"))
    return path


def one_patient_in_both(data: Path) -> Path:
    return as_csv(data, lambda n: f"p{n % 12},{'train' if n < 16 else 'test'}")


def copy(data: Path) -> None:
    shutil.copy(image(data), image(data, "lesion_copy"))


def copy_again(data: Path) -> None:
    picture(data).save(image(data, "lesion_copy"), quality=95, subsampling=0)


def named_oddly(data: Path) -> None:
    odd = "ein Bild\nmit Umbruch – 内視鏡 é"
    image(data).rename(image(data, odd))
    mask(data).rename(mask(data, odd))


def orientation(turn: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = turn
    return exif


def turned_by_exif(data: Path) -> None:
    wide = picture(data).resize((48, 32))
    become(data, ".jpg", wide, exif=orientation(6))
    draw(mask(data), np.eye(48, 32) * 255)


def upper_case(data: Path) -> None:
    image(data).rename(image(data).with_suffix(".JPG"))
    mask(data).rename(mask(data).with_suffix(".PNG"))


def animated(data: Path) -> None:
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "blue")]
    become(data, ".gif", frames[0], save_all=True, append_images=frames[1:])


def blurred(data: Path) -> None:
    with Image.open(mask(data)) as opened:
        opened.convert("L").save(mask(data).with_suffix(".jpg"), quality=60)
    mask(data).unlink()


def one_pixel(data: Path) -> None:
    draw(image(data), [[[200, 20, 20]]])
    draw(mask(data), [[255]])


Damage = Callable[[Path, Patch], Path | None]


def alone(damage: Callable[[Path], object]) -> Damage:
    """A damage that needs no patch; it may move the data."""

    def apply(data: Path, _: Patch) -> Path | None:
        moved = damage(data)
        return moved if isinstance(moved, Path) else None

    return apply


def text_to(path_of: Callable[[Path], Path], text: str) -> Damage:
    return alone(lambda data: path_of(data).write_text(text))


SKIPPABLE: dict[str, Damage] = {
    "an image that is cut off": alone(cut_off),
    "an empty image": text_to(image, ""),
    "a text named like an image": text_to(image, "no image"),
    "an image of 60 000 × 60 000 pixels (only its header is read)": alone(is_huge),
    "a TIFF of several pages": alone(has_pages),
    "an image with values that are not numbers": alone(lambda d: has_fractions(d, math.nan)),
    "an image without permission to read it": alone(lambda d: image(d).chmod(0)),
    "a link to an image that is gone": alone(lambda d: is_link_to(d, "gone.jpg")),
    "a link that leads to itself": alone(lambda d: is_link_to(d, f"{STEM}.jpg")),
    "an image that vanishes after it was listed": vanishes,
    "a name that is not UTF-8": alone(is_not_utf8),
    "two images of one stem": alone(lambda d: draw(d / f"images/{STEM}.png", np.eye(32) * 255)),
    "two masks of one image": alone(lambda d: draw(d / f"masks/{STEM}_mask.png", np.eye(32) * 255)),
    "a mask without an image": alone(lambda d: draw(d / "masks/stray.png", np.eye(32) * 255)),
    "a damaged mask": text_to(mask, "no mask"),
    "a mask of another size": alone(lambda d: draw(mask(d), np.eye(32, 30) * 255)),
    "a mask turned against its image": alone(is_turned),
    "a mask in other values than all others": alone(lambda d: draw(mask(d), np.eye(32) * 100)),
    "an image of one pixel": alone(one_pixel),
    "a row of a CSV file whose image does not exist": alone(row_without_image),
    "the same image in the train and the test folder": alone(same_in_both_parts),
}
REFUSED: dict[str, Damage] = {
    "no such folder": alone(lambda data: data / "nowhere"),
    "a folder without images": alone(without_images),
    "no mask at all": alone(remove_masks),
    "masks for two images only": alone(lambda data: remove_masks(data, keep=2)),
    "the only mask is damaged": alone(lambda data: damaged_masks(data, kept=1)),
    "the only image with a mask is damaged": alone(damaged_image_of_the_only_mask),
    "every mask is damaged": alone(lambda data: damaged_masks(data, kept=24)),
    "masks of which none has the name of an image": alone(rename_masks),
    "every mask all black": alone(every_mask_black),
    "every mask a label map": alone(lambda d: every_mask(d, LABELS)),
    "every mask in the greys of three classes": alone(lambda d: every_mask(d, THREE_GREYS)),
    "every mask in two colours": alone(lambda d: every_mask(d, TWO_COLOURS)),
    "every mask with a ring to ignore": alone(lambda d: every_mask(d, RING)),
    "a second folder of masks": alone(second_masks),
    "masks named after images by no known word, in one folder": alone(named_after_images),
    "one patient in train and test": alone(one_patient_in_both),
}
WARNED: dict[str, Damage] = {
    "one mask all black": alone(lambda d: draw(mask(d), np.zeros((32, 32)))),
    "one mask all white": alone(lambda d: draw(mask(d), np.full((32, 32), 255))),
    "an inverted mask": alone(inverted),
    "a mask that is largely grey": alone(grey),
    "names like slices of patients": alone(like_slices),
    "a folder of images beside": alone(images_beside),
    "drawings among the images, named after them": alone(drawings_among_images),
    "an image that looks like a mask": alone(image_like_a_mask),
    "an image over four times smaller than the others": alone(small_image),
    "masks that are all nearly the same": alone(fields_of_view),
    "a file of another type beside the images": text_to(lambda d: d / "images/scan.heic", "HEIC"),
    "a folder linked into itself": alone(lambda d: (d / "images/again").symlink_to(d / "images")),
    "a 16-bit image among those of 8 bits": alone(
        lambda d: become(d, ".png", Image.fromarray(np.eye(32).astype(np.uint16) * 65535))
    ),
    "an image of fractions among those of 8 bits": alone(has_fractions),
    "a grey image among coloured ones": alone(as_grey),
    "one image twice": alone(copy),
    "one image twice, compressed again": alone(copy_again),
    "nearly the same image in the train and the test folder": alone(alike_in_both_parts),
}
USED: dict[str, Damage] = {
    "a CMYK image": alone(lambda d: become(d, ".tif", picture(d).convert("CMYK"))),
    "an image with transparency": alone(lambda d: become(d, ".png", picture(d).convert("RGBA"))),
    "an image with a palette": alone(lambda d: become(d, ".png", picture(d).convert("P"))),
    "an animated GIF": alone(animated),
    "an image turned by its EXIF orientation": alone(turned_by_exif),
    "a mask blurred by JPEG": alone(blurred),
    "extensions in upper case": alone(upper_case),
    "a name with spaces, line breaks and letters of any script": alone(named_oddly),
    "masks for all images, so none is unlabelled": alone(lambda _: None),
    "one labelled image (`--labelled 1`)": alone(lambda _: None),
}
