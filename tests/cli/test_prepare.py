import fcntl
import threading
from pathlib import Path

import pytest

from cli import prepare
from cli.errors import CliError
from cli.progress import Progress
from cli.project import Project


def test_folder_that_colcon_cannot_use_is_refused_at_once(tmp_path: Path):
    root = tmp_path / 'my clone'

    with pytest.raises(CliError, match='no space'):
        prepare.prepare(Project(root))
    assert not root.exists()


def test_full_disk_is_told_with_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prepare, 'NEEDED_DISK_GIB', 1e9)

    with pytest.raises(CliError, match=r'GiB free .* needs 1000000000 GiB'):
        prepare._require_disk(tmp_path)


def test_second_setup_waits_for_the_first(tmp_path: Path, progress: Progress):
    project = Project(tmp_path / 'clone')
    project.state.mkdir(parents=True)
    entered = threading.Event()

    def second() -> None:
        with prepare._only_one(project, progress):
            entered.set()

    with (project.state / 'setup.lock').open('a') as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not entered.wait(0.2)
    waiting.join(10)

    assert entered.is_set()
    assert 'another setup' in progress.log_path.read_text()
