#    Licensed under the Apache License, Version 2.0 (the "License"); you may
#    not use this file except in compliance with the License. You may obtain
#    a copy of the License at
#
#         http://www.apache.org/licenses/LICENSE-2.0
#
#    Unless required by applicable law or agreed to in writing, software
#    distributed under the License is distributed on an "AS IS" BASIS, WITHOUT
#    WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the
#    License for the specific language governing permissions and limitations
#    under the License.
"""Where a recorded run is: stestr's repository, a stream, or JSON."""

import gzip
import io
import os
import pathlib
import subprocess
import sys
import typing
import zlib

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.recording import reader
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import sampled
from migration_tempest_plugin.report import streams

#: What a report's folder has for those that read it again.
JSON_NAME = 'report.json'

STANDARD_INPUT = '-'

#: How a file of gzip begins.
_GZIP = b'\x1f\x8b'

_Path: typing.TypeAlias = str | os.PathLike[str] | None


def run(
    path: _Path = None,
    view: sampled.View | None = None,
    tell: reader.Tell = lambda part: None,
) -> recorded.Run:
    """The Run at a path.

    :param path: a folder in which ``tempest run`` was run, or one of a
        report; a file of a subunit stream (also one of stestr's own) or of
        JSON, which may be one of gzip; a file of samples; ``-`` for standard
        input; None for the folder that this is run in
    :param view: how a file of samples is looked at; nothing else can be
    :param tell: called now and then with the part of it that was read
    :raises RecordError: if it can't be read; it says which and why
    """
    if path not in (None, STANDARD_INPUT) and reader.is_samples(path):
        return sampled.run(path, view or sampled.View(), tell)
    if view:
        raise exceptions.RecordError(
            f'{name(path)} is no file of samples (NAME.samples.gz): only of '
            'such a file can a part be looked at, and with other limits'
        )
    data = _bytes(path)
    try:
        if _is_json(data):
            return recorded.read_json(data)
        return streams.read(io.BytesIO(data))
    except exceptions.RecordError as error:
        raise exceptions.RecordError(f'{name(path)}: {error}') from error


def stream(path: _Path = None) -> io.BytesIO:
    """A binary subunit stream at a path; not JSON.

    :raises RecordError: if there is none
    """
    data = _bytes(path)
    if _is_json(data):
        raise exceptions.RecordError(
            f'{name(path)}: it is JSON, but a subunit stream is needed'
        )
    return io.BytesIO(data)


def _is_json(data: bytes) -> bool:
    """Not a stream, in front of which a program may have printed anything."""
    return data.lstrip()[:1] in (b'{', b'[') and streams.SIGNATURE not in data


def name(path: _Path) -> str:
    """A path, for people."""
    if path is None:
        return 'the last run here'
    return 'standard input' if path == STANDARD_INPUT else str(path)


def _bytes(path: _Path) -> bytes:
    data = _raw_bytes(path)
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise exceptions.RecordError(
            f"{name(path)} can't be unpacked: {error}"
        ) from error


def _raw_bytes(path: _Path) -> bytes:
    if path == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    place = pathlib.Path(path or '.')
    if path is None or place.is_dir():
        if (place / JSON_NAME).is_file() and not (place / '.stestr').is_dir():
            place = place / JSON_NAME
        else:
            return _last_run(place)
    try:
        return place.read_bytes()
    except OSError as error:
        raise exceptions.RecordError(
            f"{path} can't be read: {error.strerror}"
        ) from error


def _last_run(folder: pathlib.Path) -> bytes:
    # stestr's own command: its repository has a format of its own.
    last = subprocess.run(
        [sys.executable, '-m', 'stestr', 'last', '--subunit'],
        cwd=folder,
        # nothing of the folder is to be taken for a module
        env={**os.environ, 'PYTHONSAFEPATH': '1'},
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    if not last.stdout.startswith(streams.SIGNATURE):
        said = (last.stderr or last.stdout).decode(errors='replace')
        reason = (said.strip().splitlines() or ['no output'])[-1].rstrip('.')
        raise exceptions.RecordError(
            f'there is no recorded run in {folder.absolute()}: '
            f'stestr last ended with {last.returncode}: {reason}. '
            'Name the workspace where tempest run was run, a subunit stream, '
            'or a JSON file'
        )
    return last.stdout
