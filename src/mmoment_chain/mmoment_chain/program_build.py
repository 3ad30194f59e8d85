"""Builds the camera registry from its C source: clang for BPF, then the linker beside this module.

The built program is kept with its source, so that running it needs no compiler. The same version
of clang gives the same program bit for bit; `program/mmoment_camera.build.json` says which version
that was and what the program's digest is.

    python -m mmoment_chain.program_build           build, and replace what is kept
    python -m mmoment_chain.program_build --check   build, and compare with what is kept
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from solders.keypair import Keypair

from mmoment_chain.errors import ChainError
from mmoment_chain.sbpf_linker import link

# Everybody may know this key: it names the program on chains for development, and nowhere else.
# Whoever deploys to a chain that others use too makes a key of their own.
DEVELOPMENT_SEED = hashlib.sha256(b'mmoment camera registry, for development').digest()
PROGRAM_ID = bytes(Keypair.from_seed(DEVELOPMENT_SEED).pubkey())
"""Address of the program on chains for development."""

FOLDER = (Path(__file__).parent / 'program').resolve()
SOURCE, BUILT, IDL = 'program.c', 'mmoment_camera.so', 'mmoment_camera.json'
RECORD = 'mmoment_camera.build.json'
OLDEST_CLANG, NEWEST_CLANG = 14, 30
# The version that what is kept was built with comes first, where it is there.
COMPILERS = ('clang', *(f'clang-{number}' for number in range(OLDEST_CLANG, NEWEST_CLANG)))
# v2: no 32-bit jumps, which not every version of the machine takes. No jump tables: they are
# constants that hold addresses, which would have to be relocated.
FLAGS = (
    '-target', 'bpf', '-mcpu=v2', '-Os', '-fno-builtin', '-fno-jump-tables', '-fno-ident',
    '-std=c11', '-Wall', '-Wextra', '-Werror',
)  # fmt: skip
COMPILE_AT_MOST_S = 120


class BuildError(ChainError):
    """The program was not built; the text says why."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """A clang that is installed here."""

    path: str
    version: str  # 14.0.6

    @property
    def is_usable(self) -> bool:
        """Whether it is new enough."""
        return int(self.version.split('.')[0]) >= OLDEST_CLANG


@dataclass(frozen=True, slots=True)
class Record:
    """How the program that is kept was built."""

    clang: str
    sha256: str

    @classmethod
    def read(cls) -> Record:
        """What is noted beside the program."""
        return cls(**json.loads((FOLDER / RECORD).read_text(encoding='utf-8')))


def program() -> bytes:
    """The program, to be deployed as it is (an ELF file)."""
    return (FOLDER / BUILT).read_bytes()


def interface() -> dict:
    """Its interface description, in Anchor's form."""
    description: dict = json.loads((FOLDER / IDL).read_text(encoding='utf-8'))
    return description


def compilers() -> list[Compiler]:
    """Those that are installed here and new enough."""
    found: dict[str, Compiler] = {}
    for name in COMPILERS:
        if path := shutil.which(name):
            compiler = Compiler(path, _version(path))
            if compiler.is_usable:
                found.setdefault(compiler.version, compiler)
    return list(found.values())


def choose(version: str | None = None) -> Compiler:
    """The compiler of that version; without one, any. Raises BuildError."""
    usable = compilers()
    chosen = [each for each in usable if version in (None, each.version)]
    if not chosen:
        there = ', '.join(each.version for each in usable) or 'none'
        wanted = version or f'{OLDEST_CLANG} or newer'
        raise BuildError(f'clang {wanted} is needed to build the program; there is {there}')
    return chosen[0]


def build(compiler: Compiler, source: Path = FOLDER / SOURCE) -> bytes:
    """Compile and link. Raises BuildError, LinkError."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / 'program.o'
        # Called where the source lies: no path gets into the object.
        command = [compiler.path, *FLAGS, '-c', source.name, '-o', str(compiled)]
        done = subprocess.run(
            command, cwd=source.parent, capture_output=True, text=True, check=False,
            timeout=COMPILE_AT_MOST_S,
        )  # fmt: skip
        if done.returncode:
            raise BuildError(f'{source.name} does not compile: {done.stderr.strip()}')
        return link(compiled.read_bytes())


def main(arguments: Sequence[str] | None = None) -> int:
    """Build or check; 0 if all is well."""
    parser = argparse.ArgumentParser(prog='program_build', description=__doc__.split('\n')[0])
    parser.add_argument('--check', action='store_true', help='compare only, change nothing')
    options = parser.parse_args(arguments)
    try:
        compiler = choose(Record.read().clang if options.check else None)
        built = build(compiler)
    except ChainError as error:
        print(error, file=sys.stderr)
        return 1
    digest = hashlib.sha256(built).hexdigest()
    if options.check:
        is_same = built == program()
        told = 'is what the source gives' if is_same else 'is not what the source gives'
        print(f'{BUILT} ({digest[:16]}, clang {compiler.version}) {told}')
        return 0 if is_same else 1
    (FOLDER / BUILT).write_bytes(built)
    record = {'clang': compiler.version, 'sha256': digest}
    (FOLDER / RECORD).write_text(json.dumps(record, indent=2) + '\n', encoding='utf-8')
    print(f'{BUILT}: {len(built)} bytes, {digest[:16]}, clang {compiler.version}')
    return 0


def _version(path: str) -> str:
    done = subprocess.run([path, '--version'], capture_output=True, text=True, check=False)
    found = re.search(r'version (\d+(?:\.\d+)*)', done.stdout)
    return found[1] if found else '0'


if __name__ == '__main__':
    sys.exit(main())
