from mmoment_chain.consent_texts import ACCEPTED, DIGESTS, covers
from mmoment_chain.template_keeping import CUSTODIES


def test_every_custody_has_its_texts():
    assert set(ACCEPTED) == set(CUSTODIES)
    assert all(ACCEPTED.values())


def test_the_camera_has_no_key_by_a_text_that_says_it_has_none():
    assert not set(ACCEPTED['camera']) & {*ACCEPTED['user'], *ACCEPTED['passphrase']}


def test_only_a_version_of_the_custody_covers_it():
    for custody, versions in ACCEPTED.items():
        for version in DIGESTS:
            assert covers(version, custody) == (version in versions)
        assert not covers('', custody)
    assert not covers('2026-11-1', 'another')


def test_it_is_known_what_every_version_says():
    assert set(DIGESTS) == {version for versions in ACCEPTED.values() for version in versions}
    assert len(set(DIGESTS.values())) == len(DIGESTS)
