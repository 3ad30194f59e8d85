"""Installs the package the ament way: marker, manifest, pages, one executable per node."""

from setuptools import find_packages, setup

PACKAGE = 'mmoment_api'

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    package_data={PACKAGE: ['py.typed', 'web/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
    ],
    install_requires=['setuptools'],
    zip_safe=False,
    maintainer='Mmoment maintainers',
    maintainer_email='maintainers@mmoment.dev',
    description='REST surface, events, live view and pages of Mmoment.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'api_node = mmoment_api.api_node:main',
            'sign_in_link = mmoment_api.sign_in_link:main',
        ]
    },
)
