"""The interface description, the C source and our Python say the same."""

import hashlib
import inspect
import re
import struct
from dataclasses import fields
from pathlib import Path

import pytest
from program_scenes import SCENES
from program_world import PROGRAM_ID, ProgramWorld

from mmoment_chain import program_events, program_instructions, program_layout
from mmoment_chain.program_build import FOLDER, interface
from mmoment_chain.program_refusals import SENTENCES, Refusal
from mmoment_chain.wallet import parse_wallet

IDL = interface()
C = {path.name: path.read_text() for path in Path(FOLDER).glob('*.[ch]')}
SIZES = {'u8': 1, 'bool': 1, 'u32': 4, 'u64': 8, 'i64': 8, 'pubkey': 32}
FORMS = {'u8': 'B', 'bool': 'B', 'u32': 'I', 'u64': 'Q', 'i64': 'q', 'pubkey': '32s'}
TYPES = {each['name']: each['type']['fields'] for each in IDL['types']}
INSTRUCTIONS = {each['name']: each for each in IDL['instructions']}
ACCOUNTS = {'Camera': program_layout.CAMERA, 'Session': program_layout.SESSION,
            'Grant': program_layout.GRANT, 'Face': program_layout.FACE}  # fmt: skip


def discriminator(space, name):
    return list(hashlib.sha256(f'{space}:{name}'.encode()).digest()[:8])


def numbers(text, name):
    """Names and numbers of an enum in the C source."""
    body = re.search(rf'enum {name} \{{(.*?)\}};', text, re.DOTALL)[1]
    return re.findall(r'(\w+) = 0x([0-9a-f]{16})ULL', body)


def size(kind):
    if isinstance(kind, dict):
        return SIZES[kind['array'][0]] * kind['array'][1]
    return SIZES[kind]


def members(struct_name):
    """Name and size of each member of a struct of the C source, but for tag and content."""
    body = re.search(rf'struct {struct_name} \{{(.*?)\n\}};', C['accounts.h'], re.DOTALL)[1]
    body = re.sub(r'/\*.*?\*/', '', body, flags=re.DOTALL)
    defined = {**dict(re.findall(r'#define (\w+) (\d+)\n', C['accounts.h'])), 'KEY_BYTES': '32'}
    found = []
    for kind, names in re.findall(r'(u8|u32|u64|i64) ([^;]+);', body):
        for name in names.split(','):
            word, _, length = name.strip().partition('[')
            length = length.rstrip(']')
            if length or '[' not in name:
                count = int(defined.get(length, length)) if length else 1
                found.append((word, SIZES[kind] * count))
    return found[1:]


def test_the_description_names_the_program_that_is_deployed_for_development():
    assert parse_wallet(IDL['address']) == PROGRAM_ID
    assert IDL['metadata']['spec'] == '0.1.0'


@pytest.mark.parametrize(
    ('space', 'part', 'enum', 'file'),
    [('global', 'instructions', 'instruction', 'program.c'), ('event', 'events', 'event', 'events.h')],
)  # fmt: skip
def test_discriminators_are_those_of_their_names(space, part, enum, file):
    described = {each['name']: each['discriminator'] for each in IDL[part]}
    for name, found in described.items():
        assert found == discriminator(space, name)
    in_c = [
        (name, list(struct.pack('<Q', int(digits, 16)))) for name, digits in numbers(C[file], enum)
    ]
    word = {name.lower().replace('_', ''): found for name, found in in_c}
    assert word == {name.lower().replace('_', ''): found for name, found in described.items()}


def test_tags_of_accounts_are_those_of_their_names():
    for each in IDL['accounts']:
        name = each['name']
        assert each['discriminator'] == discriminator('account', name)
        tag = re.search(rf'#define {name.upper()}_TAG 0x([0-9a-f]+)ULL', C['accounts.h'])[1]
        assert list(struct.pack('<Q', int(tag, 16))) == each['discriminator']
        assert list(program_layout.tag(name)) == each['discriminator']


@pytest.mark.parametrize('name', ACCOUNTS)
def test_fields_of_accounts_are_those_of_the_source(name):
    described = [(each['name'], size(each['type'])) for each in TYPES[name]]
    assert described == members(name.lower())
    assert ACCOUNTS[name].size == 8 + sum(length for _, length in described)


def test_refusals_are_those_of_the_source():
    body = re.search(r'enum refusal \{(.*?)\};', C['refusals.h'], re.DOTALL)[1]
    words = re.findall(r'^ +([A-Z_]+)(?: = (\d+))?,', body, re.MULTILINE)
    assert words[1] == ('WRONG_ACCOUNTS', '6000')
    assert [word for word, _ in words[1:]] == [refusal.name for refusal in Refusal]
    assert [each['code'] for each in IDL['errors']] == [int(refusal) for refusal in Refusal]
    for each in IDL['errors']:
        refusal = Refusal(each['code'])
        assert each['name'].lower() == refusal.name.replace('_', '').lower()
        assert each['msg'] == SENTENCES[refusal]


def test_events_are_read_as_they_are_described():
    assert [each['name'] for each in IDL['events']] == [
        kind.__name__ for kind in program_events.LAYOUTS
    ]
    for kind, layout in program_events.LAYOUTS.items():
        described = TYPES[kind.__name__]
        assert [each['name'] for each in described] == [field.name for field in fields(kind)]
        assert layout.size == sum(size(each['type']) for each in described)


def borsh(kind, value):
    if isinstance(kind, dict):
        if 'vec' in kind:
            parts = (
                struct.pack('<B', each.kind) + struct.pack('<Q', each.at) + each.digest
                for each in value
            )
            return struct.pack('<I', len(value)) + b''.join(parts)
        return bytes(value)
    if kind in ('string', 'bytes'):
        content = value.encode() if kind == 'string' else value
        return struct.pack('<I', len(content)) + content
    return struct.pack('<' + FORMS[kind], value)


ABOUT = {'name': 'Hall', 'model': 'x', 'address': 'y', 'features': 1, 'closed_list': False}
ARGUMENTS = {
    'register_camera': {'mode': 0, 'name': 'Gym', 'model': 'mk1', 'address': 'https://camera.example', 'features': 7, 'closed_list': False},
    'update_camera': ABOUT,
    'set_active': {'active': False},
    'grant': {'rights': 0x7F, 'expires_s': 0},
    'check_in': {'visit': 1, 'checked_in_s': 1_790_000_000, 'expires_s': 1_790_009_000},
    'check_out': {'visit': 1, 'checked_out_s': 1_790_000_005, 'reason': 2},
    'open_face': {'number': 0, 'size': 1024, 'digest': hashlib.sha256(bytes(range(256)) * 4).digest()},
    'write_face': {'begin': 0, 'part': (bytes(range(256)) * 4)[:700]},
}  # fmt: skip


@pytest.mark.parametrize('name', INSTRUCTIONS)
def test_instructions_are_made_as_they_are_described(name):
    from program_scenes import RECORDS

    described = INSTRUCTIONS[name]
    world = ProgramWorld()
    made = SCENES[name][1](world)
    given = {**ARGUMENTS.get(name, {}), 'subject': world.subject}
    if name == 'append_log':
        given.update(first=1, records=RECORDS)
    assert made.data == bytes(described['discriminator']) + b''.join(
        borsh(each['type'], given[each['name']]) for each in described['args']
    )
    assert len(made.accounts) == len(described['accounts'])
    for meta, told in zip(made.accounts, described['accounts'], strict=True):
        if told.get('optional') and bytes(meta.pubkey) == PROGRAM_ID:
            assert not meta.is_signer
            continue
        assert meta.is_signer == told.get('signer', False)
        assert meta.is_writable == told.get('writable', False)
        if 'address' in told:
            assert str(meta.pubkey) == told['address']


def test_each_instruction_has_a_function_and_a_scene():
    functions = {name for name, _ in inspect.getmembers(program_instructions, inspect.isfunction)}
    assert set(INSTRUCTIONS) <= functions
    assert set(INSTRUCTIONS) == {name for name, _ in SCENES.values()}


def test_the_order_of_accounts_is_the_one_of_the_source():
    """Each function of the C source begins with how many accounts it takes."""
    source = '\n'.join(C.values())
    names = {'grant': 'grant_access', 'revoke': 'revoke_access'}
    for name, described in INSTRUCTIONS.items():
        body = source[source.index(f'static u64 {names.get(name, name)}(void)') :]
        count = re.search(r'input\.count == (\d)', body)[1]
        assert int(count) == len(described['accounts'])
