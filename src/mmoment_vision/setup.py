"""Package mmoment_vision: faces, hands, gestures and the overlay."""

from setuptools import find_packages, setup

PACKAGE = 'mmoment_vision'

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
    description='Faces, hands and gestures of a camera picture, and the overlay that shows them.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            f'face_node = {PACKAGE}.face_node:main',
            f'gesture_node = {PACKAGE}.gesture_node:main',
            f'overlay_node = {PACKAGE}.overlay_node:main',
        ],
    },
)
