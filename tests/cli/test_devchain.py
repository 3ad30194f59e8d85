import pytest

from cli import devchain
from cli.main import main, parser
from mmoment_chain import devchain_command


def given(*arguments):
    return devchain.words(parser().parse_args(['devchain', *arguments]))


def test_what_was_given_is_handed_over(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    words = given(
        '--port', '9000', '--data', 'chain', '--reset', '--control', '--block-ms=50',
        '--finalized-after=3', '--fault=kind=drop', '--fault', 'kind=close,times=2',
    )  # fmt: skip
    # The dev chain runs in another folder.
    options = devchain_command.parser().parse_args(words)
    assert options.data == tmp_path / 'chain'
    assert (options.port, options.block_ms, options.finalized_after) == (9000, 50, 3)
    assert (options.reset, options.control, options.no_program) == (True, True, False)
    assert options.fault == ['kind=drop', 'kind=close,times=2']


def test_without_options_it_is_as_the_dev_chain_has_it():
    assert given() == []
    assert devchain_command.parser().parse_args([]).port == 8899


def test_home_is_that_of_who_calls(monkeypatch):
    monkeypatch.setenv('HOME', '/home/anna')
    assert given('--data=~/chain') == ['--data=/home/anna/chain']


def test_options_of_both_are_the_same():
    def options(made):
        return {name for action in made._actions for name in action.option_strings}

    commands = parser()._subparsers._group_actions[0].choices
    assert options(commands['devchain']) == options(devchain_command.parser())


def test_the_module_it_runs_is_there():
    assert devchain_command.__name__ == devchain.MODULE


def test_unknown_option_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(['devchain', '--speed=9'])
    assert 'unknown argument --speed=9' in capsys.readouterr().err
