import csv
import re
import xml.etree.ElementTree as ET

from crosslevel import cli


def test_parts__are_the_tables_and_figures_of_the_page(bench, tmp_path):
    folder, page = tmp_path / "parts", tmp_path / "page.html"
    assert cli.main(["report", str(bench), "--out", str(page), "--parts", str(folder)]) == 0
    names: dict[str, list[str]] = {path.suffix: [] for path in folder.iterdir()}
    for path in sorted(folder.iterdir()):
        names[path.suffix].append(path.name)
    assert set(names) == {".csv", ".tex", ".svg"}
    assert len(names[".svg"]) == page.read_text().count('class="drawing"')

    rows = list(csv.DictReader((folder / "scores.csv").open()))
    assert [row["Method"] for row in rows] == ["supervised", "mean_teacher"]
    tex = (folder / "scores.tex").read_text()
    assert r"mean\_teacher" in tex
    assert r"\toprule" in tex
    for name in names[".svg"]:
        text = (folder / name).read_text()
        assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
        assert not re.search(r"var\(--|currentColor", text)
