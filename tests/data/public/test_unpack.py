import io
import zipfile

import pytest

from crosslevel.data.public.sources import Archive
from crosslevel.data.public.unpack import unpack
from crosslevel.errors import RunError

GOOD = {"toy/images/a.png": "image", "toy/masks/a.png": "mask"}


def zipped(files, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def zipped_link():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        member = zipfile.ZipInfo("toy/link")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    return buffer.getvalue()


def unpack_bytes(folder, content):
    (folder / "toy.zip").write_bytes(content)
    unpack(folder / "toy.zip", Archive("https://example.invalid/toy.zip", "toy", "", len(content)))


def test_unpack__writes_its_folder_and_nothing_else(tmp_path):
    unpack_bytes(tmp_path, zipped({**GOOD, "__MACOSX/toy/._a.png": "x"}))
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {"toy.zip", *GOOD}
    assert all((tmp_path / name).read_text() == text for name, text in GOOD.items())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: zipped({**GOOD, "toy/../../evil": "x"}), r"unsafe member 'toy/../../evil'"),
        (lambda: zipped({**GOOD, "toy\\..\\..\\evil": "x"}), "unsafe member"),
        (lambda: zipped({**GOOD, "/evil": "x"}), r"unsafe member '/evil'"),
        (lambda: zipped({**GOOD, "C:/evil": "x"}), r"unsafe member 'C:/evil'"),
        (zipped_link, "unsafe member 'toy/link'"),
        (lambda: zipped({"toy/a": "0" * 10**6}, zipfile.ZIP_DEFLATED), "would unpack to 1000000"),
        (lambda: zipped({"other/a": "x"}), "has no folder 'toy'"),
        (lambda: b"no zip", "not a readable zip file"),
    ],
)
def test_unpack__of_a_harmful_archive_leaves_nothing(tmp_path, make, message):
    folder = tmp_path / "in"
    folder.mkdir()
    with pytest.raises(RunError, match=message):
        unpack_bytes(folder, make())
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["toy.zip"]


def test_unpack__of_a_damaged_archive_leaves_nothing(tmp_path):
    content = bytearray(zipped(GOOD))
    content[content.index(b"image\x50\x4b")] ^= 1
    with pytest.raises(RunError, match=r"toy\.zip: not a readable zip file \(Bad CRC-32"):
        unpack_bytes(tmp_path, bytes(content))
    assert [path.name for path in tmp_path.iterdir()] == ["toy.zip"]


def test_unpack__of_a_damaged_compression_leaves_nothing(tmp_path):
    content = bytearray(zipped({"toy/a": "some text " * 9}, zipfile.ZIP_DEFLATED))
    content[35:45] = b"\xff" * 10
    with pytest.raises(RunError, match=r"toy\.zip: not a readable zip file"):
        unpack_bytes(tmp_path, bytes(content))
    assert [path.name for path in tmp_path.iterdir()] == ["toy.zip"]


def test_unpack__of_an_archive_that_lies_about_its_size_writes_no_more_than_it_says(tmp_path):
    content = zipped({"toy/a": "0" * 10**6}, zipfile.ZIP_DEFLATED)
    lying = content.replace((10**6).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    assert lying != content
    with pytest.raises(RunError, match="Bad CRC-32"):
        unpack_bytes(tmp_path, lying)
    assert [path.name for path in tmp_path.iterdir()] == ["toy.zip"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unpack__of_a_damaged_member_names_the_file(tmp_path, compression):
    whole = zipped({"toy/a": "".join(map(str, range(300)))}, compression)
    start = whole.index(b"toy/a") + len(b"toy/a")
    end = whole.rindex(b"PK\x01\x02")
    for place in range(start, end, max(1, (end - start) // 40)):
        damaged = bytearray(whole)
        damaged[place : place + 8] = b"\xff" * min(8, end - place)
        with pytest.raises(RunError, match=r"toy\.zip: not a readable zip file"):
            unpack_bytes(tmp_path, bytes(damaged))
