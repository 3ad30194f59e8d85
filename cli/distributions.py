"""Damage to installed Python packages, found by what their own records say."""

from __future__ import annotations

import csv
import re
import shutil
from collections import Counter
from pathlib import Path


def normalized(name: str) -> str:
    """Package name as the index compares it."""
    return re.sub(r'[-_.]+', '-', name).lower()


def name_and_version(info: Path) -> tuple[str, str]:
    """Name and version that a `*.dist-info` folder stands for."""
    name, _, version = info.name.removesuffix('.dist-info').partition('-')
    return normalized(name), version


def clear_half_installed(site_packages: Path) -> list[str]:
    """Remove what an interrupted pip left; returns the names removed.

    These are its `~name` folders, records without a file list, and two records of one package.
    """
    cleared = []
    for leftover in site_packages.glob('~*'):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        cleared.append(leftover.name)
    infos = list(site_packages.glob('*.dist-info'))
    count = Counter(name_and_version(info)[0] for info in infos)
    for info in infos:
        name = name_and_version(info)[0]
        whole = (info / 'RECORD').is_file() and (info / 'METADATA').is_file()
        if not whole or count[name] > 1:
            shutil.rmtree(info)
            cleared.append(name)
    return cleared


def damaged(site_packages: Path) -> list[str]:
    """Packages with a missing or truncated file, as `name==version`."""
    return sorted(
        '=='.join(name_and_version(info))
        for info in site_packages.glob('*.dist-info')
        if not _is_whole(info)
    )


def _is_whole(info: Path) -> bool:
    site_packages = info.parent
    if not (info / 'RECORD').is_file():
        return False
    with (info / 'RECORD').open(newline='', encoding='utf-8') as rows:
        for row in csv.reader(rows):
            name, size = row[0], row[2] if len(row) > 2 else ''
            if name.endswith('.pyc'):
                continue
            try:
                actual = (site_packages / name).stat().st_size
            except OSError:
                return False
            # We rewrite scripts and CMake files ourselves; and files grow by intention, as when an
            # organization adds its own certificate to those of certifi. Truncated ones are smaller.
            rewritten = name.endswith('.cmake') or '/bin/' in name
            if size and not rewritten and actual < int(size):
                return False
    return True
