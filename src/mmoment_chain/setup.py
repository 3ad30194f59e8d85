"""Installs the package the ament way: marker and manifest."""

from setuptools import find_packages, setup

PACKAGE = 'mmoment_chain'

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    # The program on the chain lies beside the package, which has a link to it: it is C.
    package_data={PACKAGE: ['py.typed', 'program/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'share/{PACKAGE}/config', ['config/fastdds.xml']),
    ],
    install_requires=['setuptools'],
    zip_safe=False,
    maintainer='Mmoment maintainers',
    maintainer_email='maintainers@mmoment.dev',
    description='Sessions, wallet sign-in, rights, the vault, the durable store and the chain of Mmoment.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            f'session_node = {PACKAGE}.session_node:main',
            f'chain_node = {PACKAGE}.chain_node:main',
        ],
    },
)
