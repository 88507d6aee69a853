import pytest

from crosslevel.annotate import provenance
from crosslevel.errors import InputError
from support.annotating import (
    accept,
    open_session,
    write_images,
)


def test_annotations__that_a_spreadsheet_saved_meanwhile_are_read_or_refused(tmp_path):
    session = open_session(write_images(tmp_path, 4))
    for number in range(3):
        accept(session, number)
    file = tmp_path / "annotations.csv"
    head, first, second, third = file.read_text().splitlines()
    changed = [head, first.replace("7.2", '"7,2"'), second.replace("7.2", "nan"), third]
    file.write_text("\ufeff" + "\n".join(changed))
    assert (session.state()["median_seconds"], session.state()["today"]) == (7.2, 3)
    accept(session, 3)
    assert [row["image"] for row in provenance.read(file)][3] == "images/case_3.png"
    file.write_text(file.read_text().replace(",", ";"))
    for work in (session.state, lambda: accept(session, 3)):
        with pytest.raises(InputError, match=r"annotations.csv has the columns image;who;"):
            work()
