"""Camera calibrations in the YAML form that ROS's calibration tools write and read."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from mmoment_camera.errors import CalibrationError
from mmoment_node.durable_files import FOR_ALL_TO_READ, keep

MATRIX_ENTRIES = 9
PROJECTION_ENTRIES = 12
# Widths and heights are whole pixels: the two scale factors of one camera differ a little.
ASPECT_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a camera maps the world to pixels (REP 104).

    width_px, height_px: picture size it was made at.
    camera_matrix: K, 3x3 row by row, pixels. rectification_matrix: R, 3x3.
    projection_matrix: P, 3x4 row by row, pixels.
    distortion_model, distortion: name as in sensor_msgs/distortion_models, and its coefficients.
    """

    width_px: int
    height_px: int
    camera_matrix: tuple[float, ...]
    distortion: tuple[float, ...]
    rectification_matrix: tuple[float, ...]
    projection_matrix: tuple[float, ...]
    distortion_model: str = 'plumb_bob'
    camera_name: str = 'camera'

    def __post_init__(self) -> None:
        """Refuse what is no calibration; raises CalibrationError."""
        sizes = (
            ('camera_matrix', self.camera_matrix, MATRIX_ENTRIES),
            ('rectification_matrix', self.rectification_matrix, MATRIX_ENTRIES),
            ('projection_matrix', self.projection_matrix, PROJECTION_ENTRIES),
        )
        for name, values, count in sizes:
            if len(values) != count:
                raise CalibrationError(f'{name} has {len(values)} numbers, must have {count}')
        everything = (*self.camera_matrix, *self.distortion, *self.rectification_matrix)
        if not all(map(math.isfinite, (*everything, *self.projection_matrix))):
            raise CalibrationError('a calibration holds finite numbers only')
        if self.width_px <= 0 or self.height_px <= 0:
            raise CalibrationError('image_width and image_height must be above 0')

    def scaled_to(self, width_px: int, height_px: int) -> Calibration:
        """The calibration for a picture scaled to this size.

        Raises CalibrationError where the picture has another shape: it was cropped then, and how
        cannot be known.
        """
        across, down = width_px / self.width_px, height_px / self.height_px
        if abs(across / down - 1) > ASPECT_TOLERANCE:
            raise CalibrationError(
                f'calibrated at {self.width_px}x{self.height_px}, which is another shape than '
                f'{width_px}x{height_px}: calibrate at this size'
            )
        factors = (across, down, 1.0)
        return replace(
            self,
            width_px=width_px,
            height_px=height_px,
            camera_matrix=tuple(
                value * factors[index // 3] for index, value in enumerate(self.camera_matrix)
            ),
            projection_matrix=tuple(
                value * factors[index // 4] for index, value in enumerate(self.projection_matrix)
            ),
        )


def load_calibration(path: Path) -> Calibration:
    """The calibration in a file.

    Raises FileNotFoundError where there is none, CalibrationError where it is no calibration.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
        return Calibration(
            width_px=int(content['image_width']),
            height_px=int(content['image_height']),
            camera_name=str(content.get('camera_name', 'camera')),
            distortion_model=str(content['distortion_model']),
            camera_matrix=_numbers(content, 'camera_matrix'),
            distortion=_numbers(content, 'distortion_coefficients'),
            rectification_matrix=_numbers(content, 'rectification_matrix'),
            projection_matrix=_numbers(content, 'projection_matrix'),
        )
    except FileNotFoundError:
        raise
    except CalibrationError as reason:
        raise CalibrationError(f'calibration {path}: {reason}') from reason
    except KeyError as reason:
        raise CalibrationError(f'calibration {path} lacks {reason}') from reason
    except (OSError, TypeError, ValueError, AttributeError, yaml.YAMLError) as reason:
        words = getattr(reason, 'strerror', None) or 'is no calibration'
        raise CalibrationError(
            f'calibration {path} cannot be read ({words}): calibrate again or remove the file'
        ) from reason


def _numbers(content: dict[str, Any], name: str) -> tuple[float, ...]:
    """One matrix of the file."""
    return tuple(float(value) for value in content[name]['data'])


def save_calibration(path: Path, calibration: Calibration) -> None:
    """Write the file whole or not at all, and see it on the disk.

    Raises CalibrationError where it cannot be written.
    """
    content = {
        'image_width': calibration.width_px,
        'image_height': calibration.height_px,
        'camera_name': calibration.camera_name,
        'camera_matrix': _matrix(3, 3, calibration.camera_matrix),
        'distortion_model': calibration.distortion_model,
        'distortion_coefficients': _matrix(1, len(calibration.distortion), calibration.distortion),
        'rectification_matrix': _matrix(3, 3, calibration.rectification_matrix),
        'projection_matrix': _matrix(3, 4, calibration.projection_matrix),
    }
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Tools of others read it as well.
        keep(path, text.encode('utf-8'), FOR_ALL_TO_READ)
    except OSError as reason:
        raise CalibrationError(
            f'calibration {path} cannot be written ({reason.strerror}): '
            'choose another `calibration_file`'
        ) from reason


def _matrix(rows: int, columns: int, values: tuple[float, ...]) -> dict[str, Any]:
    """A matrix as the file has it."""
    return {'rows': rows, 'cols': columns, 'data': [float(value) for value in values]}


def default_path(namespace: str, environment: dict[str, str] | None = None) -> Path:
    """Where the calibration of the camera in this namespace is kept, as ROS does it."""
    environment = dict(os.environ) if environment is None else environment
    home = environment.get('ROS_HOME') or str(Path.home() / '.ros')
    name = namespace.strip('/').replace('/', '.') or 'camera'
    return Path(home) / 'camera_info' / f'{name}.yaml'
