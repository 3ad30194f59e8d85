"""Package mmoment_node: what every node shares."""

from setuptools import find_packages, setup

PACKAGE = 'mmoment_node'

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    package_data={PACKAGE: ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
    ],
    install_requires=['setuptools'],
    zip_safe=True,
    maintainer='Mmoment maintainers',
    maintainer_email='maintainers@mmoment.dev',
    description='Parameters, lifecycle, diagnostics and recovery shared by every Mmoment node.',
    license='Apache-2.0',
)
