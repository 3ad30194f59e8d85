from mmoment_node.spare_domain import DOMAINS, spare_domain

# Defaults of Linux (net.ipv4.ip_local_port_range) and of DDSI-RTPS 2.5, 9.6.2
FIRST_CLIENT_PORT = 32_768
PORT_BASE, PORTS_PER_DOMAIN = 7400, 250


def test_ports_of_a_domain_are_none_that_linux_gives_to_clients():
    assert PORT_BASE + PORTS_PER_DOMAIN * DOMAINS[-1] + PORTS_PER_DOMAIN <= FIRST_CLIENT_PORT


def test_one_after_the_other_is_given():
    given = [spare_domain() for _ in DOMAINS]
    assert sorted(given) == list(DOMAINS)
