from pathlib import Path

import pytest

from crosslevel import cli
from crosslevel.bench import doctor, self_test
from crosslevel.errors import RunError
from crosslevel.training.train import train


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSLEVEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor, "bf16_speedup", lambda: 1.0)


def test_doctor__finds_a_good_installation_good(tmp_path, capsys):
    assert cli.main(["doctor", "--out", str(tmp_path / "runs")]) == 0
    said = capsys.readouterr().out
    before, block, after = said.split("```")
    assert "To paste into an issue" in before
    for about in ("crosslevel", "python", "machine", "device", "extra export", "test: predict"):
        assert f"\n  {about}" in block
    assert after.endswith("All works.\n")


def test_doctor__names_a_folder_that_cannot_be_written(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert cli.main(["doctor", "--out", str(tmp_path / "file"), "--skip_test"]) == 1
    said = capsys.readouterr().out
    assert f"! write {tmp_path / 'file'}" in said
    assert "mend its permissions" in said


def test_doctor__has_low_space_for_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "LOW_SPACE", 2**60)
    faults = [finding.about for finding in doctor.examine(tmp_path) if finding.is_fault]
    assert len(faults) == 2


def test_doctor__does_not_show_the_name_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    [*_, last] = doctor.examine(tmp_path / "runs")
    assert last.about == f"write {Path('~/runs')}"


def test_self_test__ends_at_the_first_failure(tmp_path, monkeypatch):
    def fail(*words, **options):
        raise RunError("The loss is not finite.")

    monkeypatch.setattr(self_test, "train", fail)
    checks = list(self_test.self_test(tmp_path))
    assert [check.name for check in checks] == ["generate images", "train"]
    assert checks[-1].problem == "RunError: The loss is not finite."


def test_self_test__notices_a_run_that_does_not_go_on_exactly(tmp_path, monkeypatch):
    original = train

    def forgetful(data, out, config, **options):
        run = original(data, out, config, **options)
        if out.name == "resumed":
            (run.model_folder / "model.safetensors").write_bytes(b"other")
        return run

    monkeypatch.setattr(self_test, "train", forgetful)
    assert "other weights" in list(self_test.self_test(tmp_path))[-1].problem
