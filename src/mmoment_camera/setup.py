"""Installs the package the ament way: marker, manifest, configuration, one executable per node."""

from glob import glob

from setuptools import find_packages, setup

PACKAGE = 'mmoment_camera'

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    package_data={PACKAGE: ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        (f'share/{PACKAGE}/config', sorted(glob('config/*'))),
    ],
    install_requires=['setuptools'],
    zip_safe=False,
    maintainer='Mmoment maintainers',
    maintainer_email='maintainers@mmoment.dev',
    description='Picture sources, the shared-memory frame ring and the camera node of Mmoment.',
    license='Apache-2.0',
    entry_points={'console_scripts': ['camera_node = mmoment_camera.camera_node:main']},
)
