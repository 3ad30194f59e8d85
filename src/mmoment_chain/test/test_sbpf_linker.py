import random
import re
import struct
from dataclasses import replace

import pytest
from bpf_objects import (
    CALL_ELSEWHERE,
    CODE,
    CONSTANTS,
    EXIT,
    PROGRAM_BITS,
    Made,
    calls,
    give,
    reads_constant,
)
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import Transaction

from mmoment_chain.sbpf_linker import (
    CALL,
    FLAG_ALLOC,
    FLAG_WRITE,
    LOAD_ADDRESS,
    SECTION_NO_BITS,
    SECTION_SYMBOLS,
    SYSTEM_CALLS,
    LinkError,
    link,
    system_call_number,
)

CORRUPTED = 10_000
DEBUG_INFO = 0


def result(program):
    """What the program returns: the number of the error that the transaction ends with, or 0."""
    svm, payer, address = LiteSVM(), Keypair(), Pubkey.new_unique()
    svm.airdrop(payer.pubkey(), 10**9)
    svm.add_program(address, program)
    call = Instruction(address, b'', [])
    sent = svm.send_transaction(
        Transaction.new_signed_with_payer([call], payer.pubkey(), [payer], svm.latest_blockhash())
    )
    found = re.search(r'Custom\((\d+)\)', str(sent.err())) if hasattr(sent, 'err') else None
    return int(found[1]) if found else 0


@pytest.mark.parametrize(
    ('made', 'number'),
    [
        (Made(), 0),
        (Made(code=give(77) + EXIT), 77),
        (Made(code=give(5) + EXIT + give(6) + EXIT, symbols=[('entrypoint', CODE, 16)]), 6),
        (reads_constant(4321), 4321),
        (calls('helper', CODE, 24, code=EXIT + give(99) + EXIT), 99),
    ],
)
def test_what_is_linked_runs(made, number):
    assert result(link(made.to_bytes())) == number


def test_a_system_call_is_called():
    # Without a length and a place there is nothing to log, which is no error.
    zero = b''.join(struct.pack('<BBhi', 0xB7, register, 0, 0) for register in (1, 2))
    made = calls('sol_log_data')
    made.code = zero + made.code
    made.relocations = [(len(zero), CALL, 1)]
    program = link(made.to_bytes())
    assert struct.pack('<BBhI', 0x85, 0, 0, system_call_number('sol_log_data')) in program
    assert result(program) == 0


@pytest.mark.parametrize(
    ('made', 'reason'),
    [
        (Made(machine=62), 'no object file for BPF'),
        (Made(kind=3), 'no object file for BPF'),
        (Made(symbols=[]), 'no function entrypoint'),
        (Made(symbols=[('entrypoint', CONSTANTS, 0)]), 'no function entrypoint'),
        (Made(symbols=[('entrypoint', CODE, 0)] * 2), 'or there are several'),
        (Made(symbols=[('entrypoint', CODE, 4)]), 'outside of the code'),
        (Made(symbols=[('entrypoint', CODE, 800)]), 'outside of the code'),
        (Made(code=give(0) + EXIT + b'\0'), 'no whole number of instructions'),
        (Made(more=[('.data', PROGRAM_BITS, FLAG_ALLOC | FLAG_WRITE, b'x')]), r'\.data can be written'),
        (Made(more=[('.bss', SECTION_NO_BITS, FLAG_ALLOC | FLAG_WRITE, b'x')]), 'room for variables'),
        (Made(more=[('.other', PROGRAM_BITS, FLAG_ALLOC, b'x')]), 'no place for section .other'),
        (Made(more=[('.symtab', SECTION_SYMBOLS, 0, b'')]), 'no table of symbols, or several'),
        (calls('sol_log_dat'), 'sol_log_dat is neither here nor a system call'),
        (calls('malloc'), 'malloc is neither here nor a system call'),
        (calls('helper', CODE, 12), 'outside of the code'),
        (calls('helper', CODE, 80), 'outside of the code'),
        (calls('helper', CONSTANTS, 0), 'no whole object file'),
        (replace(calls('sol_sha256'), relocations=[(8, CALL, 1)]), 'is called by no call'),
        (replace(calls('sol_sha256'), relocations=[(3, CALL, 1)]), 'outside of the code'),
        (replace(calls('sol_sha256'), relocations=[(160, CALL, 1)]), 'outside of the code'),
        (replace(calls('sol_sha256'), relocations=[(0, 2, 1)]), 'relocation 2 of sol_sha256'),
        (replace(calls('sol_sha256'), relocations=[(0, CALL, 9)]), 'no whole object file'),
        (replace(reads_constant(1), relocations=[(0, LOAD_ADDRESS, 0)]), 'address of entrypoint is taken'),
        (replace(reads_constant(1), relocations=[(16, LOAD_ADDRESS, 1)]), 'is loaded by no load'),
        (replace(reads_constant(1), symbols=[('entrypoint', CODE, 0), ('far', CONSTANTS, 16)]), 'outside of the constants'),
        (replace(reads_constant(1), relocations=[(0, 3, 1)], relocated=CONSTANTS), 'tables of pointers'),
    ],
)  # fmt: skip
def test_what_is_no_program_is_refused(made, reason):
    with pytest.raises(LinkError, match=reason):
        link(made.to_bytes())


def test_what_is_not_loaded_is_left_out():
    plain = link(Made().to_bytes())
    assert (
        link(Made(more=[('.debug_info', PROGRAM_BITS, DEBUG_INFO, b'x' * 99)]).to_bytes()) == plain
    )


def test_a_file_that_is_cut_off_is_refused():
    content = calls('helper', CODE, 24, code=EXIT + give(99) + EXIT).to_bytes()
    for length in range(len(content)):
        with pytest.raises(LinkError):
            link(content[:length])


def test_a_damaged_file_gives_a_program_or_a_link_error():
    drawn = random.Random(7)
    whole = [reads_constant(4321).to_bytes(), calls('sol_sha256').to_bytes()]
    refused = 0
    for _ in range(CORRUPTED):
        content = bytearray(drawn.choice(whole))
        for _ in range(drawn.randint(1, 6)):
            content[drawn.randrange(len(content))] = drawn.choice(
                (0, 1, 0x7F, 0xFF, drawn.randrange(256))
            )
        try:
            link(bytes(content))
        except LinkError:
            refused += 1
    assert CORRUPTED / 4 < refused < CORRUPTED


def test_a_jump_into_the_next_function_is_kept():
    # Calls count instructions from the one behind them.
    made = calls('helper', CODE, 32, code=give(1) + EXIT + give(42) + EXIT)
    program = link(made.to_bytes())
    assert CALL_ELSEWHERE not in program
    assert struct.pack('<BBhi', 0x85, 0x10, 0, 3) in program


@pytest.mark.parametrize(
    ('name', 'number'),
    [
        # murmur3_32, seed 0, of texts of every length modulo 4; the last is widely known of Solana.
        ('', 0x00000000),
        ('test', 0xBA6BD213),
        ('Hello, world!', 0xC0363E43),
        ('The quick brown fox jumps over the lazy dog', 0x2E4FF723),
        ('abort', 0xB6FC1A11),
        ('sol_log_', 0x207559BD),
    ],
)
def test_numbers_of_system_calls(name, number):
    assert system_call_number(name) == number


def test_system_calls_have_different_numbers():
    assert len({system_call_number(name) for name in SYSTEM_CALLS}) == len(SYSTEM_CALLS)
