"""What a parameter file gives to a node; the prepared environment reads it, this Python may not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from cli.errors import CliError
from cli.prepare import Ready

MODULE = 'mmoment_bringup.parameter_file'


def parameters_of(ready: Ready, path: Path, node: str) -> dict[str, Any]:
    """Return the parameters for the node of that full name; raises CliError."""
    done = subprocess.run(
        [ready.python, '-m', MODULE, path, node],
        env=dict(ready.env),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ['it cannot be read']
        raise CliError(f'--params-file: {lines[-1]}')
    given: dict[str, Any] = json.loads(done.stdout)
    return given
