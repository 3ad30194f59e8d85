from dataclasses import replace

import pytest

from mmoment_api.api_parameters import ApiParameters, check
from mmoment_node.errors import ConfigurationError


def test_what_is_given_by_default_can_be_used():
    check(ApiParameters())


@pytest.mark.parametrize(
    ('fields', 'said'),
    [
        ({'allowed_origins': ('*',)}, "'\\*' in allowed_origins"),
        ({'allowed_origins': ('https://example.org/',)}, 'without a path'),
        ({'allowed_origins': ('ftp://example.org',)}, 'allowed_origins'),
        ({'trusted_proxies': ('localhost',)}, "'localhost' in trusted_proxies"),
        ({'livepeer_webhook_secret_file': '/none/there'}, 'livepeer_webhook_secret_file'),
    ],
)
def test_what_cannot_be_used_is_named(fields, said):
    with pytest.raises(ConfigurationError, match=said):
        check(replace(ApiParameters(), **fields))


def test_what_can_be_used_is_taken(tmp_path):
    secret = tmp_path / 'secret'
    secret.write_text('word')
    secret.chmod(0o600)
    check(
        ApiParameters(
            allowed_origins=('https://example.org',),
            trusted_proxies=('127.0.0.1', '::1'),
            livepeer_webhook_secret_file=str(secret),
        )
    )
