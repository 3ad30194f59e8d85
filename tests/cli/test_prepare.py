import fcntl
import threading
from pathlib import Path
from types import SimpleNamespace

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


class AdoptingWorkspace:
    """A workspace whose hand-made build does not load; nor does the next one if `is_hopeless`."""

    def __init__(self, adopted: list[str], is_hopeless: bool) -> None:
        self.adopted = adopted
        self.loads = False
        self._is_hopeless = is_hopeless

    def build(self, *_: object) -> None:
        pass

    def fault(self) -> str | None:
        return None if self.loads else 'eye does not load: no such module'

    def rebuild_adopted(self, *_: object) -> None:
        self.loads = not self._is_hopeless


def build_workspace(
    workspace: AdoptingWorkspace, progress: Progress, monkeypatch: pytest.MonkeyPatch
):
    for name in ('forget', 'base', 'remember'):
        monkeypatch.setattr(prepare.environment, name, lambda *_: {})
    monkeypatch.setattr(prepare, '_fault_of_workspace', lambda _: workspace.fault())
    venv = SimpleNamespace(python=Path('python'))
    prepare._build_workspace(
        SimpleNamespace(
            project=None, ros=None, environ={}, venv=venv, workspace=workspace, progress=progress
        )
    )


def test_build_made_by_hand_that_does_not_load_is_made_anew(
    progress: Progress, monkeypatch: pytest.MonkeyPatch
):
    workspace = AdoptingWorkspace(['eye'], is_hopeless=False)

    build_workspace(workspace, progress, monkeypatch)

    assert workspace.loads
    assert 'built by hand' in progress.log_path.read_text()


@pytest.mark.parametrize('adopted', [[], ['eye']])
def test_build_that_does_not_load_is_told(
    progress: Progress, monkeypatch: pytest.MonkeyPatch, adopted: list[str]
):
    workspace = AdoptingWorkspace(adopted, is_hopeless=True)

    with pytest.raises(CliError, match='finished, but eye does not load'):
        build_workspace(workspace, progress, monkeypatch)
