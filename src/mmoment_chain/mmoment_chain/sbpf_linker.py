"""Makes a Solana program (sBPF version 3) of an object file that clang compiled for BPF.

The formats: ELF (System V ABI), the relocations of BPF (kernel documentation, "BPF LLVM relocations"),
and sBPF version 3 as Solana describes it: two segments, no sections, no relocations; a system call is
told by the murmur3 hash of its name.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mmoment_chain.errors import ChainError

# A misspelt name would only be noticed when the call is reached: no others are let through.
SYSTEM_CALLS = frozenset(
    {
        'sol_get_clock_sysvar',
        'sol_get_rent_sysvar',
        'sol_invoke_signed_c',
        'sol_log_data',
        'sol_memcpy_',
        'sol_memset_',
        'sol_sha256',
        'sol_try_find_program_address',
    }
)
ENTRY = 'entrypoint'

ELF_HEADER = struct.Struct('<16sHHIQQQIHHHHHH')
SECTION_HEADER = struct.Struct('<IIQQQQIIQQ')
PROGRAM_HEADER = struct.Struct('<IIQQQQQQ')
SYMBOL = struct.Struct('<IBBHQQ')
RELOCATION = struct.Struct('<QQ')
INSTRUCTION = struct.Struct('<BBhi')
ELF_IDENT = b'\x7fELF\x02\x01\x01' + bytes(9)
TYPE_OBJECT, TYPE_SHARED = 1, 3
MACHINE_BPF, SBPF_VERSION = 247, 3
SECTION_SYMBOLS, SECTION_STRINGS, SECTION_NO_BITS, SECTION_RELOCATIONS = 2, 3, 8, 9
FLAG_WRITE, FLAG_ALLOC, FLAG_CODE = 1, 2, 4
SEGMENT_LOAD, READABLE, EXECUTABLE = 1, 4, 1
UNDEFINED = 0
LOAD_ADDRESS, CALL = 1, 10  # R_BPF_64_64, R_BPF_64_32
OPCODE_LOAD, OPCODE_CALL, CALL_WITHIN = 0x18, 0x85, 1
CODE_ADDRESS = 1 << 32
# Constants lie at address 0 onwards: whatever a null pointer names must not be one of them.
NULL_PADDING = 16
WORD = 8


class LinkError(ChainError):
    """The object cannot become a program; the text says why."""


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    kind: int
    flags: int
    data: bytes
    link: int
    info: int


@dataclass(frozen=True, slots=True)
class _Symbol:
    name: str
    section: int
    value: int


@dataclass(slots=True)
class _Image:
    """Code and constants, and where in them each section of the object begins."""

    code: bytearray = field(default_factory=bytearray)
    constants: bytearray = field(default_factory=lambda: bytearray(NULL_PADDING))
    code_at: dict[int, int] = field(default_factory=dict)
    constants_at: dict[int, int] = field(default_factory=dict)


def link(content: bytes) -> bytes:
    """The program, to be deployed as it is. Raises LinkError."""
    try:
        return _link(content)
    except (struct.error, LookupError, ValueError, OverflowError) as error:
        raise LinkError(f'this is no whole object file of clang ({error})') from error


def system_call_number(name: str) -> int:
    """What stands for a system call in the code: murmur3 (32 bits, seed 0) of its name."""
    data, value = name.encode(), 0
    whole = len(data) // 4 * 4
    for (word,) in struct.iter_unpack('<I', data[:whole]):
        value = _rotated(value ^ _scrambled(word), 13) * 5 + 0xE6546B64 & 0xFFFFFFFF
    value ^= _scrambled(int.from_bytes(data[whole:], 'little')) if len(data) > whole else 0
    value ^= len(data)
    value = (value ^ value >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    value = (value ^ value >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return value ^ value >> 16


def _scrambled(word: int) -> int:
    return _rotated(word * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> 32 - bits) & 0xFFFFFFFF


def _link(content: bytes) -> bytes:
    sections = _sections(content)
    symbols = _symbols(sections)
    image = _laid_out(sections)
    for section in sections:
        if section.kind == SECTION_RELOCATIONS:
            _relocate(section, symbols, image)
    entries = [each for each in symbols if each.name == ENTRY and each.section in image.code_at]
    if len(entries) != 1:
        raise LinkError(f'there is no function {ENTRY}, or there are several')
    entry = image.code_at[entries[0].section] + entries[0].value
    _require_code(image, entry)
    return _program(image, entry)


def _sections(content: bytes) -> list[_Section]:
    header = ELF_HEADER.unpack_from(content)
    if header[0][:7] != ELF_IDENT[:7] or header[1:3] != (TYPE_OBJECT, MACHINE_BPF):
        raise LinkError('this is no object file for BPF, 64 bits, little-endian')
    offset, size, count, names = header[6], header[11], header[12], header[13]
    if size != SECTION_HEADER.size:
        raise LinkError('the section headers have another size than they should')
    rows = [SECTION_HEADER.unpack_from(content, offset + size * each) for each in range(count)]
    texts = _part(content, rows[names])
    return [
        _Section(_text(texts, row[0]), row[1], row[2], _part(content, row), row[6], row[7])
        for row in rows
    ]


def _part(content: bytes, row: tuple[int, ...]) -> bytes:
    if row[1] == SECTION_NO_BITS:
        if row[2] & FLAG_ALLOC and row[5]:
            raise LinkError('there is room for variables: a program has none')
        return b''
    part = content[row[4] : row[4] + row[5]]
    if len(part) != row[5]:
        raise LinkError('a section lies behind the end of the file')
    return part


def _text(texts: bytes, offset: int) -> str:
    return texts[offset : texts.index(b'\0', offset)].decode()


def _symbols(sections: list[_Section]) -> list[_Symbol]:
    tables = [section for section in sections if section.kind == SECTION_SYMBOLS]
    if len(tables) != 1:
        raise LinkError('the object has no table of symbols, or several')
    texts = sections[tables[0].link].data
    return [
        _Symbol(_text(texts, name), section, value)
        for name, _, _, section, value, _ in SYMBOL.iter_unpack(tables[0].data)
    ]


def _laid_out(sections: list[_Section]) -> _Image:
    image = _Image()
    for number, section in enumerate(sections):
        if not section.flags & FLAG_ALLOC or not section.data:
            continue
        if section.flags & FLAG_WRITE:
            raise LinkError(f'{section.name} can be written to: a program has no variables')
        if section.flags & FLAG_CODE:
            if len(section.data) % WORD:
                raise LinkError(f'{section.name} is no whole number of instructions')
            image.code_at[number] = len(image.code)
            image.code += section.data
        elif section.name.startswith('.rodata'):
            image.constants_at[number] = len(image.constants)
            image.constants += section.data + bytes(-len(section.data) % WORD)
        else:
            raise LinkError(f'there is no place for section {section.name} in a program')
    return image


def _relocate(section: _Section, symbols: list[_Symbol], image: _Image) -> None:
    begin = image.code_at.get(section.info)
    if begin is None:
        if section.info in image.constants_at:
            raise LinkError('constants hold addresses: tables of pointers are not for programs')
        return
    for offset, info in RELOCATION.iter_unpack(section.data):
        symbol, kind = symbols[info >> 32], info & 0xFFFFFFFF
        _require_code(image, begin + offset)
        if kind == LOAD_ADDRESS:
            _patch_address(image, begin + offset, symbol)
        elif kind == CALL:
            _patch_call(image, begin + offset, symbol)
        else:
            raise LinkError(f'relocation {kind} of {symbol.name or "a section"} is not known')


def _patch_address(image: _Image, at: int, symbol: _Symbol) -> None:
    """Two instructions that load 64 bits: the address of a constant."""
    if symbol.section not in image.constants_at:
        raise LinkError(f'the address of {symbol.name or "code"} is taken, and that is no constant')
    code, registers, gap, addend = INSTRUCTION.unpack_from(image.code, at)
    if code != OPCODE_LOAD:
        raise LinkError(f'the address of {symbol.name or "a constant"} is loaded by no load')
    address = image.constants_at[symbol.section] + symbol.value + addend
    if not NULL_PADDING <= address < len(image.constants):
        raise LinkError('the address of a constant lies outside of the constants')
    INSTRUCTION.pack_into(image.code, at, code, registers, gap, address)
    INSTRUCTION.pack_into(image.code, at + WORD, 0, 0, 0, 0)


def _patch_call(image: _Image, at: int, symbol: _Symbol) -> None:
    code, registers, gap, addend = INSTRUCTION.unpack_from(image.code, at)
    if code != OPCODE_CALL:
        raise LinkError(f'{symbol.name} is called by no call')
    if symbol.section == UNDEFINED:
        if symbol.name not in SYSTEM_CALLS:
            raise LinkError(f'{symbol.name} is neither here nor a system call that is known')
        number = struct.unpack('<i', struct.pack('<I', system_call_number(symbol.name)))[0]
        INSTRUCTION.pack_into(image.code, at, code, registers & 0x0F, gap, number)
        return
    target = image.code_at[symbol.section] + symbol.value + (addend + 1) * WORD
    _require_code(image, target)
    distance = (target - at) // WORD - 1
    INSTRUCTION.pack_into(image.code, at, code, registers & 0x0F | CALL_WITHIN << 4, gap, distance)


def _require_code(image: _Image, at: int) -> None:
    if not 0 <= at < len(image.code) or at % WORD:
        raise LinkError('something that should be an instruction lies outside of the code')


def _program(image: _Image, entry: int) -> bytes:
    parts: Mapping[int, bytes] = {0: bytes(image.constants), CODE_ADDRESS: bytes(image.code)}
    offset = ELF_HEADER.size + len(parts) * PROGRAM_HEADER.size
    header = ELF_HEADER.pack(
        ELF_IDENT, TYPE_SHARED, MACHINE_BPF, 1, CODE_ADDRESS + entry, ELF_HEADER.size, 0,
        SBPF_VERSION, ELF_HEADER.size, PROGRAM_HEADER.size, len(parts), 0, 0, 0,
    )  # fmt: skip
    return header + b''.join((*_segments(parts, offset), *parts.values()))


def _segments(parts: Mapping[int, bytes], offset: int) -> Iterator[bytes]:
    for address, part in parts.items():
        flags = EXECUTABLE if address else READABLE
        size = len(part)
        yield PROGRAM_HEADER.pack(SEGMENT_LOAD, flags, offset, address, address, size, size, WORD)
        offset += size
