"""Which encoder is used, and why: the first that really works here, else x264."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mmoment_stream.encoder_backends import (
    HARDWARE,
    SOFTWARE,
    EncoderBackend,
    EncoderFault,
    EncoderSettings,
    EncoderUnusable,
    Opener,
)
from mmoment_stream.encoder_pipe import JETSON, VAAPI
from mmoment_stream.encoder_prober import EncoderProber

AUTO = 'auto'
ORDER = (*HARDWARE, JETSON, VAAPI)
"""Hardware encoders, in the order in which they are tried."""
CHOICES = (AUTO, *ORDER, SOFTWARE)
"""What may be asked for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An opened encoder, and why it is this one."""

    backend: EncoderBackend
    reason: str
    is_substitute: bool  # for one that was asked for, or that failed while encoding


class EncoderChooser:
    """Opens the encoder that is asked for, or the best that works; used by one thread."""

    def __init__(self, openers: Mapping[str, Opener], prober: EncoderProber) -> None:
        """openers: by name, `SOFTWARE` among them; the others are tried in this order."""
        self._openers = openers
        self._prober = prober
        self._given_up: dict[str, str] = {}

    def prepare(self, wanted: str, settings: EncoderSettings) -> None:
        """Find out now what `open` would have to; takes as long as that takes."""
        next(self._working(wanted, settings, {}), None)

    def open(self, wanted: str, settings: EncoderSettings) -> Choice:
        """Open one. Raises `EncoderUnusable` if not even x264 opens.

        wanted: one of `CHOICES`.
        """
        faults: dict[str, str] = {}
        for name in self._working(wanted, settings, faults):
            try:
                backend = self._openers[name](settings)
            except EncoderUnusable as error:
                # Such as one that another video has, and that makes one at a time.
                faults[name] = f'{error.fault}, though it has passed its trial'
            else:
                return Choice(backend, _why_hardware(name, wanted, faults), bool(self._given_up))
        backend = self._openers[SOFTWARE](settings)
        is_substitute = bool(self._given_up) or wanted in faults
        return Choice(backend, _why_software(wanted, faults), is_substitute)

    def substitute(self, fault: EncoderFault, settings: EncoderSettings) -> Choice:
        """Open x264 at once in place of an encoder that failed while encoding, which is given up.

        Raises `EncoderUnusable`.
        """
        self._given_up[fault.name] = fault.fault
        backend = self._openers[SOFTWARE](settings)
        return Choice(backend, f'in place of {fault.name}, which {fault.fault}', is_substitute=True)

    def reconsider(self, wanted: str) -> None:
        """Somebody asks for this one now: let it show anew whether it works."""
        self._given_up.clear()
        if wanted != AUTO:
            self._prober.forget(wanted)

    def _working(
        self, wanted: str, settings: EncoderSettings, faults: dict[str, str]
    ) -> Iterator[str]:
        """Names of hardware encoders that work, in order; `faults` gets what is wrong with others."""
        names = [wanted]
        if wanted in (AUTO, SOFTWARE):
            names = [name for name in self._openers if name != SOFTWARE and wanted == AUTO]
        faults.update({name: self._given_up[name] for name in names if name in self._given_up})
        untested = [name for name in names if name not in faults]
        size = settings.width, settings.height
        for result in self._prober.results(untested, size, settings.fps):
            if result.usable:
                yield result.name
            else:
                faults[result.name] = result.reason


def _why_hardware(name: str, wanted: str, faults: Mapping[str, str]) -> str:
    if name == wanted:
        return 'asked for, and it works here'
    return f'the first that works here{_listed(faults)}'


def _why_software(wanted: str, faults: Mapping[str, str]) -> str:
    if wanted == SOFTWARE:
        return 'asked for'
    if wanted == AUTO:
        return f'no hardware encoder is to be had{_listed(faults)}'
    return f'in place of the one that was asked for{_listed(faults)}'


def _listed(faults: Mapping[str, str]) -> str:
    if not faults:
        return ''
    return ' (' + '; '.join(f'{name}: {fault}' for name, fault in faults.items()) + ')'
