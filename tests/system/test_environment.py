"""What a run records of where it was made."""

import subprocess

from crosslevel.system import environment


def test_commit__of_a_repository_that_holds_an_installed_copy_is_not_ours(tmp_path, monkeypatch):
    def git(*words):
        name = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *name, *words], check=True, capture_output=True)

    file = tmp_path / "environment.py"
    file.touch()
    monkeypatch.setattr(environment, "__file__", str(file))
    assert environment.describe_environment().commit is None
    git("init")
    git("commit", "--allow-empty", "-m", "theirs")
    assert environment.describe_environment().commit is None
    git("add", file.name)
    git("commit", "-m", "ours")
    assert len(environment.describe_environment().commit or "") == 12
