"""Ed25519 keys of small order, and signatures that fit them without anybody's secret."""

import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493

# The eight points whose order divides 8, as their standard encoding has them (RFC 8032, 5.1.2).
POINTS = [
    ('01' + '00' * 31, 1),
    ('ec' + 'ff' * 30 + '7f', 2),
    ('00' * 32, 4),
    ('00' * 31 + '80', 4),
    ('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', 8),
    ('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa', 8),
    ('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 8),
    ('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85', 8),
]
KEYS = [(bytes.fromhex(point), order) for point, order in POINTS]


def forged(key, order, message):
    """A signature of any message for which `key` vanishes from the equation of Ed25519.

    S·B = R + h·A holds for R = S·B wherever h, the digest of R, A and the message, is a multiple of
    the order of A. The seed is varied until it is.
    """
    for number in range(10_000):
        seed = number.to_bytes(32, 'big')
        point = (
            Ed25519PrivateKey.from_private_bytes(seed)
            .public_key()
            .public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        )
        if _digest(point + key + message) % GROUP_ORDER % order == 0:
            return point + (_scalar(seed) % GROUP_ORDER).to_bytes(32, 'little')
    raise AssertionError('no seed fits')


def _scalar(seed):
    digits = bytearray(hashlib.sha512(seed).digest()[:32])
    digits[0] &= 248
    digits[31] = digits[31] & 127 | 64
    return int.from_bytes(digits, 'little')


def _digest(data):
    return int.from_bytes(hashlib.sha512(data).digest(), 'little')
