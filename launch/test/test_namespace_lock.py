import os
import resource

import pytest

from mmoment_bringup.errors import AlreadyRunningError, NamespaceLockError
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


def test_a_long_name_is_held_and_told_from_one_with_another_end():
    # Far over the 107 bytes of a socket name, and alike up to there
    long = '/' + '/'.join(['gymnasium'] * 20)
    first, second = NamespaceLock([long], DOMAIN), NamespaceLock([f'{long}/b'], DOMAIN)
    with pytest.raises(AlreadyRunningError, match=rf'\(process {os.getpid()}\)'):
        NamespaceLock([long], DOMAIN)
    first.release()
    second.release()


def test_what_the_system_refuses_is_not_called_a_running_graph():
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(NamespaceLockError) as caught:
            NamespaceLock(['/a'], DOMAIN)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert str(caught.value).endswith("'/a' cannot be held for this graph: Too many open files")
    assert not isinstance(caught.value, AlreadyRunningError)
