"""The benchmark of a GPU, run on the CPU: its numbers mean nothing there, but it must run."""

import json

from benchmarks import gpu


def test_gpu__prints_a_table_and_writes_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CROSSLEVEL_CACHE", str(tmp_path / "cache"))
    words = ["--device", "cpu", "--size", "80", "--steps", "2", "--no_compile"]
    rows = ("supervised", "self_training")
    assert gpu.main([*words, "--only", *rows, "--out", str(tmp_path / "gpu.json")]) == 0
    supervised, other = json.loads((tmp_path / "gpu.json").read_text())["rows"]
    assert supervised["what"] == "supervised"
    assert supervised["traffic"] > 0
    assert 0 < 2 * supervised["arithmetic"] < other["arithmetic"]  # it has a teacher already
    assert "| supervised" in capsys.readouterr().out
