from mmoment_chain.clusters import CLUSTERS, GENESIS, cluster_of, unfit_program
from mmoment_chain.program_build import PROGRAM_ID


def test_a_public_chain_is_known_by_its_first_block_and_no_other_is():
    for name, genesis in GENESIS.items():
        assert cluster_of(genesis) == name
    assert cluster_of('4sGjMW1sUnHzSxGspuhpqLDx6wiyjNtZAMdL4VZHirAn') == 'localnet'
    assert set(CLUSTERS) == {*GENESIS, 'localnet'}


def test_the_program_whose_key_everybody_knows_is_for_no_public_chain():
    assert unfit_program('localnet', PROGRAM_ID) is None
    for name in GENESIS:
        assert name in unfit_program(name, PROGRAM_ID)
        assert unfit_program(name, bytes(32)) is None
