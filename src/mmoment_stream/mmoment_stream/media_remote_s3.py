"""Copies in an S3 store: in parts, so that a broken upload goes on where it broke, also after a kill.

Which parts are there the store itself knows. Each part is sent with its MD5, and what the store says
of the whole (ETag: MD5 of the object, or of the MD5s of its parts) is held against the file. Where
it means something else there, as with some kinds of encryption, the object is read back.
"""

from __future__ import annotations

import asyncio
import base64
import concurrent.futures
import hashlib
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

# Here, so that whoever has no s3fs is told at once.
import s3fs  # noqa: F401

from mmoment_stream.media_remote import Differs, Faults, IsWanted, NotWanted, RemoteFault, blocks

# The least that S3 takes but for the last part. In 300 s also a slow uplink sends one.
PART_BYTES = 5 << 20
CONNECT_TIMEOUT_S = 10
REPLY_TIMEOUT_S = 300
ASK_AGAIN_S = 0.2


@dataclass(frozen=True, slots=True)
class _Part:
    md5: bytes
    bytes: int


def s3_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of s3fs: those given, and what an upload needs that is tried again by us."""
    config = {
        'connect_timeout': CONNECT_TIMEOUT_S,
        'read_timeout': REPLY_TIMEOUT_S,
        'retries': {'total_max_attempts': 1},
        # Not every store takes the checksums that Amazon's library adds by itself.
        'request_checksum_calculation': 'when_required',
        'response_checksum_validation': 'when_required',
        **given.get('config_kwargs', {}),
    }
    alone = {'skip_instance_cache': True, 'use_listings_cache': False}
    return {**given, **alone, 'config_kwargs': config}


class S3Store:
    """A bucket, or a folder in one."""

    def __init__(self, system: Any, root: str, options: Mapping[str, Any]) -> None:
        """system: an s3fs.S3FileSystem. root: BUCKET or BUCKET/FOLDER."""
        self._system = system
        system.retries = 1
        self._bucket, _, folder = root.partition('/')
        self._prefix = f'{folder}/' if folder else ''
        self._options = options

    def put(self, name: str, file: BinaryIO, size: int, sha256: str, is_wanted: IsWanted) -> None:
        """Have a whole copy under this name."""
        key = f'{self._prefix}{name}'
        parts = _parts(file, sha256, name, is_wanted)
        with Faults(self._options):
            # The answer to the last try may have been lost.
            if self._is_whole(key, size, sha256, parts, is_wanted):
                return
            if len(parts) == 1:
                file.seek(0)
                body, md5 = file.read(), _base64(parts[0].md5)
                self._call('put_object', is_wanted, Key=key, Body=body, ContentMD5=md5)
            else:
                self._put_parts(key, file, parts, is_wanted)
            if not self._is_whole(key, size, sha256, parts, is_wanted):
                raise RemoteFault(f'{name} did not arrive as it was sent')

    def delete(self, name: str, is_wanted: IsWanted) -> None:
        """Have no copy of this name, nor a part of one."""
        key = f'{self._prefix}{name}'
        with Faults(self._options):
            for upload in self._begun(key, is_wanted):
                self._call('abort_multipart_upload', is_wanted, Key=key, UploadId=upload)
            self._call('delete_object', is_wanted, Key=key)

    def _put_parts(
        self, key: str, file: BinaryIO, parts: Sequence[_Part], is_wanted: IsWanted
    ) -> None:
        begun = self._begun(key, is_wanted)
        if begun:
            upload = begun[0]
        else:
            answer = self._call('create_multipart_upload', is_wanted, Key=key)
            upload = answer['UploadId']
        there = self._there(key, upload, is_wanted)
        done = []
        for number, part in enumerate(parts, 1):
            etag = f'"{part.md5.hex()}"'
            if there.get(number) != (etag, part.bytes):
                file.seek((number - 1) * PART_BYTES)
                answer = self._call(
                    'upload_part',
                    is_wanted,
                    Key=key,
                    UploadId=upload,
                    PartNumber=number,
                    Body=file.read(part.bytes),
                    ContentMD5=_base64(part.md5),
                )
                etag = answer['ETag']
            done.append({'PartNumber': number, 'ETag': etag})
        self._call(
            'complete_multipart_upload',
            is_wanted,
            Key=key,
            UploadId=upload,
            MultipartUpload={'Parts': done},
        )

    def _begun(self, key: str, is_wanted: IsWanted) -> list[str]:
        """Ids of uploads of this object that were begun and never completed."""
        try:
            answer = self._call('list_multipart_uploads', is_wanted, Prefix=key)
        except PermissionError:
            # It may be written only: then a broken upload begins anew.
            return []
        uploads = answer.get('Uploads') or []
        return [upload['UploadId'] for upload in uploads if upload['Key'] == key]

    def _there(self, key: str, upload: str, is_wanted: IsWanted) -> dict[int, tuple[str, int]]:
        """ETag and bytes of each part that has arrived, by its number."""
        found: dict[int, tuple[str, int]] = {}
        marker = 0
        while True:
            answer = self._call(
                'list_parts', is_wanted, Key=key, UploadId=upload, PartNumberMarker=marker
            )
            for part in answer.get('Parts') or []:
                found[part['PartNumber']] = (part['ETag'], part['Size'])
            if not answer.get('IsTruncated'):
                return found
            marker = answer['NextPartNumberMarker']

    def _is_whole(
        self, key: str, size: int, sha256: str, parts: Sequence[_Part], is_wanted: IsWanted
    ) -> bool:
        try:
            answer = self._call('head_object', is_wanted, Key=key)
        except FileNotFoundError:
            return False
        if answer['ContentLength'] != size:
            return False
        return answer['ETag'].strip('"') == _etag(parts) or (
            self._digest(key, size, is_wanted) == sha256
        )

    def _digest(self, key: str, size: int, is_wanted: IsWanted) -> str:
        """SHA-256, hex, of what is there."""
        digest = hashlib.sha256()
        path = f'{self._bucket}/{key}'
        for start in range(0, size, PART_BYTES):
            end = min(start + PART_BYTES, size)
            digest.update(self._wait(self._system._cat_file(path, start=start, end=end), is_wanted))
        return digest.hexdigest()

    def _call(self, method: str, is_wanted: IsWanted, **arguments: Any) -> Any:
        call = self._system._call_s3(method, Bucket=self._bucket, **arguments)
        return self._wait(call, is_wanted)

    def _wait(self, work: Coroutine[Any, Any, Any], is_wanted: IsWanted) -> Any:
        """Wait for work in the thread of s3fs, which is given up at once if nobody wants it."""
        future = asyncio.run_coroutine_threadsafe(work, self._system.loop)
        while not concurrent.futures.wait([future], ASK_AGAIN_S).done:
            if not is_wanted():
                future.cancel()
                raise NotWanted('the upload was ended')
        return future.result()


def _parts(file: BinaryIO, sha256: str, name: str, is_wanted: IsWanted) -> list[_Part]:
    """The parts of a file, at least one. Raises Differs if it is not the one that was kept."""
    digest, parts = hashlib.sha256(), []
    md5, length = hashlib.md5(usedforsecurity=False), 0
    for block in blocks(file, is_wanted):
        digest.update(block)
        md5.update(block)
        length += len(block)
        if length == PART_BYTES:
            parts.append(_Part(md5.digest(), length))
            md5, length = hashlib.md5(usedforsecurity=False), 0
    if length or not parts:
        parts.append(_Part(md5.digest(), length))
    if digest.hexdigest() != sha256:
        raise Differs(f'{name} is not what it was when it was kept')
    return parts


def _etag(parts: Sequence[_Part]) -> str:
    """What S3 calls an object of these parts."""
    if len(parts) == 1:
        return parts[0].md5.hex()
    digests = b''.join(part.md5 for part in parts)
    return f'{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}'


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode('ascii')
