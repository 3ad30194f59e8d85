import dataclasses

import pytest
from solders.pubkey import Pubkey

from mmoment_chain.chain_parameters import ChainParameters, chain_settings
from mmoment_chain.clusters import SERVERS
from mmoment_chain.program_build import PROGRAM_ID
from mmoment_chain.program_layout import Mode
from mmoment_chain.rpc_addresses import RpcAddressError

DEFAULTS = ChainParameters()
KEY = bytes([9]) * 32
ADDRESS = str(Pubkey.from_bytes(KEY))
DEVELOPMENT = str(Pubkey.from_bytes(PROGRAM_ID))


def settings(**changes):
    return chain_settings(dataclasses.replace(DEFAULTS, **changes))


def test_the_defaults_are_a_private_camera_on_a_chain_for_development():
    found = settings()
    assert found.urls == ('http://127.0.0.1:8899',)
    assert (found.program, found.mode, found.group) == (PROGRAM_ID, Mode.PRIVATE, None)
    assert found.outbox.budget_lamports == 100_000_000
    assert found.low_lamports == 50_000_000


def test_what_is_configured_is_what_is_worked_with():
    found = settings(
        program_id=ADDRESS, mode='public', nft_group=ADDRESS, nft_group_authority=ADDRESS,
        flush_records=7, flush_s=3.0, budget_sol_per_day=0.000005, priority_fee_at_most=0,
        device_pays_for=('mint_face',), timeout_s=2.0, check_s=1.0,
    )  # fmt: skip
    assert (found.program, found.mode) == (KEY, Mode.PUBLIC)
    assert (found.group, found.group_authority) == (KEY, KEY)
    assert (found.outbox.flush_records, found.outbox.flush_after_s) == (7, 3.0)
    assert found.outbox.budget_lamports == 5000
    assert found.building.price_at_most == 0
    assert found.device_pays_for == {'mint_face'}
    assert (found.pool.timeout_s, found.pool.check_every_s) == (2.0, 1.0)
    assert found.pool.cluster == 'localnet'
    assert settings(cluster='mainnet', program_id=ADDRESS).pool.cluster == 'mainnet'


@pytest.mark.parametrize('cluster', SERVERS)
def test_a_cluster_has_a_server_that_is_asked_where_none_is_named(cluster):
    found = settings(cluster=cluster, program_id=ADDRESS)
    assert found.urls == (SERVERS[cluster],)
    named = settings(cluster=cluster, program_id=ADDRESS, endpoints=('https://mine.test',))
    assert named.urls == ('https://mine.test',)


def test_servers_of_the_file_come_first(tmp_path):
    file = tmp_path / 'endpoints'
    file.write_text('https://rpc.test/SECRET\n')
    file.chmod(0o600)
    assert settings(endpoints_file=str(file), endpoints=('https://other.test',)).urls == (
        'https://rpc.test/SECRET',
        'https://other.test',
    )
    # Then one that answers everybody is not asked as well.
    assert settings(endpoints_file=str(file)).urls == ('https://rpc.test/SECRET',)
    file.chmod(0o644)
    with pytest.raises(RpcAddressError, match='chmod 600'):
        settings(endpoints_file=str(file))


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'program_id': 'mine'}, 'program_id'),
        ({'cluster': 'mainnet'}, 'program_id.*for development only.*mainnet'),
        ({'cluster': 'devnet', 'program_id': DEVELOPMENT}, 'program_id.*for development only'),
        ({'nft_group': 'mine'}, 'nft_group'),
        ({'nft_group_authority': ADDRESS}, 'name the group'),
        ({'device_pays_for': ('lunch',)}, "device_pays_for.*'lunch'.*check_in"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_by_its_name(changes, told):
    with pytest.raises(ValueError, match=told):
        settings(**changes)
