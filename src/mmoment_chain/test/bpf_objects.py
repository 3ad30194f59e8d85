"""Object files for BPF, made by hand: what the linker takes and what it must refuse, without a compiler."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from mmoment_chain.sbpf_linker import (
    CALL,
    ELF_HEADER,
    ELF_IDENT,
    FLAG_ALLOC,
    FLAG_CODE,
    INSTRUCTION,
    LOAD_ADDRESS,
    MACHINE_BPF,
    RELOCATION,
    SECTION_HEADER,
    SECTION_RELOCATIONS,
    SECTION_STRINGS,
    SECTION_SYMBOLS,
    SYMBOL,
    TYPE_OBJECT,
)

PROGRAM_BITS = 1
CODE, CONSTANTS = 1, 2
"""Numbers of the two sections that every object here begins with."""
EXIT = INSTRUCTION.pack(0x95, 0, 0, 0)
LOAD_CONSTANT = INSTRUCTION.pack(0x18, 1, 0, 0) + bytes(8)  # r1 = the address of a constant
READ_IT = INSTRUCTION.pack(0x79, 0x10, 0, 0)  # r0 = what lies there
CALL_ELSEWHERE = INSTRUCTION.pack(0x85, 0x10, 0, -1)


def give(number: int) -> bytes:
    """An instruction: the result is this number."""
    return INSTRUCTION.pack(0xB7, 0, 0, number)


@dataclass
class Made:
    """An object file; its parts may be changed before `to_bytes`."""

    code: bytes = give(0) + EXIT
    constants: bytes = b''
    symbols: list[tuple[str, int, int]] = field(default_factory=lambda: [('entrypoint', CODE, 0)])
    # Where in the code (or constants), kind, number of the symbol from 0.
    relocations: list[tuple[int, int, int]] = field(default_factory=list)
    relocated: int = CODE
    more: list[tuple[str, int, int, bytes]] = field(default_factory=list)
    machine: int = MACHINE_BPF
    kind: int = TYPE_OBJECT

    def to_bytes(self) -> bytes:
        names = bytearray(b'\0')
        texts = bytearray(b'\0')
        table = bytearray(SYMBOL.size)
        for name, section, value in self.symbols:
            table += SYMBOL.pack(len(texts), 0x12, 0, section, value, 0)
            texts += name.encode() + b'\0'
        relocations = b''.join(
            RELOCATION.pack(at, (symbol + 1) << 32 | kind) for at, kind, symbol in self.relocations
        )
        sections = [
            ('', 0, 0, b'', 0, 0),
            ('.text', PROGRAM_BITS, FLAG_ALLOC | FLAG_CODE, self.code, 0, 0),
            ('.rodata', PROGRAM_BITS, FLAG_ALLOC, self.constants, 0, 0),
            *((name, kind, flags, data, 0, 0) for name, kind, flags, data in self.more),
        ]
        first = len(sections)
        sections += [
            ('.rel.text', SECTION_RELOCATIONS, 0, relocations, first + 1, self.relocated),
            ('.symtab', SECTION_SYMBOLS, 0, bytes(table), first + 2, 1),
            ('.strtab', SECTION_STRINGS, 0, bytes(texts), 0, 0),
            ('.shstrtab', SECTION_STRINGS, 0, b'', 0, 0),
        ]
        rows, body = [], bytearray()
        places = []
        for name, *_ in sections:
            places.append(len(names))
            names += name.encode() + b'\0'
        for place, (name, kind, flags, data, link, info) in zip(places, sections, strict=True):
            data = bytes(names) if name == '.shstrtab' else data
            offset, size = ELF_HEADER.size + len(body), len(data)
            if kind == 8:  # room for variables takes none in the file
                data = b''
            rows.append(SECTION_HEADER.pack(place, kind, flags, 0, offset, size, link, info, 8, 0))
            body += data
        header = ELF_HEADER.pack(
            ELF_IDENT, self.kind, self.machine, 1, 0, 0, ELF_HEADER.size + len(body),
            0, ELF_HEADER.size, 0, 0, SECTION_HEADER.size, len(rows), len(rows) - 1,
        )  # fmt: skip
        return header + bytes(body) + b''.join(rows)


def reads_constant(number: int) -> Made:
    """A program whose result is a constant behind another one."""
    return Made(
        code=LOAD_CONSTANT + READ_IT + EXIT,
        constants=struct.pack('<QQ', 1, number),
        symbols=[('entrypoint', CODE, 0), ('behind', CONSTANTS, 8)],
        relocations=[(0, LOAD_ADDRESS, 1)],
    )


def calls(name: str, section: int = 0, value: int = 0, code: bytes = b'') -> Made:
    """A program that calls a function, which lies in `code` behind the call or is a system call."""
    return Made(
        code=CALL_ELSEWHERE + EXIT + code,
        symbols=[('entrypoint', CODE, 0), (name, section, value)],
        relocations=[(0, CALL, 1)],
    )
