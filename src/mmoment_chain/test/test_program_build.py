import hashlib
import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from mmoment_chain import program_build
from mmoment_chain.program_build import (
    FOLDER,
    IDL,
    SOURCE,
    BuildError,
    Compiler,
    Record,
    build,
    choose,
    compilers,
    main,
    program,
)
from mmoment_chain.sbpf_linker import LinkError

PACKAGE = Path(__file__).parents[1]
KEPT_WITH = Record.read().clang


def compiler_of_record():
    """The compiler that the program was built with; without it the test is skipped."""
    try:
        return choose(KEPT_WITH)
    except BuildError as error:
        pytest.skip(str(error))


def any_compiler():
    try:
        return choose()
    except BuildError as error:
        pytest.skip(str(error))


def test_the_program_that_is_kept_is_the_recorded_one():
    assert hashlib.sha256(program()).hexdigest() == Record.read().sha256
    kind, machine, _, _, _, _, version = struct.unpack_from('<HHIQQQI', program(), 16)
    assert (kind, machine, version) == (3, 247, 3)


def test_the_program_that_is_kept_is_what_the_source_gives_bit_for_bit():
    assert build(compiler_of_record()) == program()


def test_the_same_comes_of_another_folder(tmp_path):
    compiler = compiler_of_record()
    for path in FOLDER.glob('*.[ch]'):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert build(compiler, tmp_path / SOURCE) == program()
    main_file = tmp_path / SOURCE
    text = main_file.read_text()
    main_file.write_text(text.replace('return UNKNOWN_INSTRUCTION;', 'return OK;'))
    assert main_file.read_text() != text
    assert build(compiler, main_file) != program()


def test_checking_compares_and_changes_nothing(monkeypatch, tmp_path, capsys):
    compiler_of_record()
    for path in FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(program_build, 'FOLDER', tmp_path)
    assert main(['--check']) == 0
    assert 'is what the source gives' in capsys.readouterr().out
    (tmp_path / program_build.BUILT).write_bytes(program()[:-1] + b'x')
    assert main(['--check']) == 1
    assert 'is not what the source gives' in capsys.readouterr().out
    assert program().endswith(b'x')


def test_source_that_is_wrong_is_told(tmp_path):
    compiler = any_compiler()
    source = tmp_path / SOURCE
    source.write_text('int entrypoint(void) { return missing; }')
    with pytest.raises(BuildError, match=r'program\.c does not compile.*missing'):
        build(compiler, source)
    source.write_text('int counter; int entrypoint(void) { return counter++; }')
    with pytest.raises(LinkError, match=r'variables|can be written to'):
        build(compiler, source)
    source.write_text('int elsewhere(void); int entrypoint(void) { return elsewhere(); }')
    with pytest.raises(LinkError, match='elsewhere is neither here nor a system call'):
        build(compiler, source)


def standin(folder, name, version):
    """A compiler that knows its version and nothing else."""
    path = folder / name
    path.write_text(f'#!/bin/sh\necho "Debian clang version {version}-1"\n')
    path.chmod(0o755)
    return path


def test_compilers_are_found_by_their_usual_names(monkeypatch, tmp_path):
    standin(tmp_path, 'clang', '11.0.1')
    standin(tmp_path, 'clang-19', '19.1.7')
    path = standin(tmp_path, 'clang-14', '14.0.6')
    monkeypatch.setenv('PATH', f'{tmp_path}:/bin:/usr/bin')
    found = {
        compiler.version: compiler for compiler in compilers() if str(tmp_path) in compiler.path
    }
    assert set(found) == {'14.0.6', '19.1.7'}
    assert found['14.0.6'] == Compiler(str(path), '14.0.6')
    assert choose('19.1.7').version == '19.1.7'


def test_a_missing_compiler_is_told(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv('PATH', str(tmp_path))
    with pytest.raises(
        BuildError, match='clang 14 or newer is needed to build the program; there is none'
    ):
        choose()
    assert main(['--check']) == 1
    assert f'clang {KEPT_WITH} is needed' in capsys.readouterr().err


def test_an_installed_package_has_the_program(tmp_path):
    """As `setup.py` puts it together; the source goes along."""
    command = [sys.executable, 'setup.py', '-q', 'build', '--build-base', str(tmp_path / 'base'),
               '--build-lib', str(tmp_path / 'lib'), 'egg_info', '--egg-base', str(tmp_path)]  # fmt: skip
    subprocess.run(command, cwd=PACKAGE, check=True, capture_output=True, timeout=120)
    folder = tmp_path / 'lib' / 'mmoment_chain' / 'program'
    assert {path.name for path in folder.iterdir()} >= {
        path.name for path in FOLDER.iterdir() if path.is_file()
    }
    told = subprocess.run(
        [sys.executable, '-c', 'from mmoment_chain import program_build as b; print(b.FOLDER, len(b.program()), b.interface()["address"])'],
        env={'PYTHONPATH': f'{tmp_path / "lib"}:{":".join(p for p in sys.path if p and str(PACKAGE) not in p)}', 'PATH': ''},
        cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60,
    ).stdout.split()  # fmt: skip
    address = json.loads((FOLDER / IDL).read_text())['address']
    assert told == [str(folder.resolve()), str(len(program())), address]
