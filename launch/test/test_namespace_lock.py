import os

import pytest

from mmoment_bringup.errors import AlreadyRunningError
from mmoment_bringup.namespace_lock import NamespaceLock

DOMAIN = {'ROS_DOMAIN_ID': f'test-{os.getpid()}'}


def test_a_namespace_is_held_once_until_released():
    first = NamespaceLock(['/a', '/a'], DOMAIN)
    with pytest.raises(AlreadyRunningError, match=rf"'/a' \(process {os.getpid()}\): stop it"):
        NamespaceLock(['/a'], DOMAIN)
    first.release()
    NamespaceLock(['/a'], DOMAIN).release()


def test_other_namespaces_and_domains_are_free():
    locks = [
        NamespaceLock(['/a'], DOMAIN),
        NamespaceLock(['/b'], DOMAIN),
        NamespaceLock(['/a'], {'ROS_DOMAIN_ID': f'other-{os.getpid()}'}),
    ]
    for lock in locks:
        lock.release()


def test_a_refused_lock_holds_nothing():
    held = NamespaceLock(['/b'], DOMAIN)
    with pytest.raises(AlreadyRunningError):
        NamespaceLock(['/a', '/b'], DOMAIN)
    NamespaceLock(['/a'], DOMAIN).release()
    held.release()
