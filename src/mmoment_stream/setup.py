"""Package mmoment_stream: one encode, photos, clips, the media library and the live stream."""

from setuptools import find_packages, setup

PACKAGE = 'mmoment_stream'

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
    description='Encodes once, for photos, clips and live views, and keeps the media of its people.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            f'encoder_node = {PACKAGE}.encoder_node:main',
            f'capture_node = {PACKAGE}.capture_node:main',
            f'stream_node = {PACKAGE}.stream_node:main',
        ],
    },
)
