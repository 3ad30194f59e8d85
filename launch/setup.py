"""Installs the package the ament way: marker, manifest, launch, parameter and view files."""

from glob import glob

from setuptools import find_packages, setup

PACKAGE = 'mmoment_bringup'

setup(
    name=PACKAGE,
    version='0.1.0',
    packages=find_packages(exclude=['test']),
    package_data={PACKAGE: ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{PACKAGE}']),
        (f'share/{PACKAGE}', ['package.xml']),
        *(
            (f'share/{PACKAGE}/{one}', sorted(glob(f'{one}/*')))
            for one in ('launch', 'config', 'rviz', 'rqt')
        ),
    ],
    install_requires=['setuptools'],
    zip_safe=False,
    maintainer='Mmoment maintainers',
    maintainer_email='maintainers@mmoment.dev',
    description='Launch files, parameter files and the supervisor of Mmoment.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': ['supervisor = mmoment_bringup.supervisor:main'],
        # Read by `ros2 launch` where it is installed: makes `stop_on_exit_code` known to it
        'launch.frontend.launch_extension': ['mmoment_bringup = mmoment_bringup.ros2_launch'],
    },
)
