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
"""What others say that they do while a watch goes on, through a file."""

import collections.abc
import contextlib
import fcntl
import json
import os
import pathlib
import time

from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement

#: How the file is named behind the record's name.
SUFFIX = '.marks'

#: Characters of a mark: more would fill a page.
LONGEST = 200


class Marks:
    """What was done during a watch, as far as somebody said so.

    As long as its ``with`` lasts, there is a file that put() writes to. The
    watch holds it locked: a file that a killed one has left behind is known by
    that.

    :param path: the file
    :param found: are called with each Mark, in turn
    :raises RecordError: if the file can't be made
    :ivar all: each Mark, in turn
    """

    def __init__(
        self,
        path: pathlib.Path,
        *found: collections.abc.Callable[[measurement.Mark], object],
    ) -> None:
        self.all: list[measurement.Mark] = []
        self._path = path
        self._found = found
        self._began = time.monotonic()
        self._rest = b''
        try:
            # For its owner alone: others are to put nothing into a record.
            self._file = os.open(
                path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(self._file, 0)
            except BaseException:
                os.close(self._file)
                raise
        except OSError as error:
            raise exceptions.RecordError(
                f"{path} can't be written: {error.strerror}"
            ) from error

    def __enter__(self) -> 'Marks':
        return self

    def __exit__(self, *error: object) -> None:
        # First of all: who finds no file is told so.
        self._path.unlink(missing_ok=True)
        self.look()
        os.close(self._file)

    def add(self, text: str, moment: float) -> None:
        """Take a mark of the watch's own."""
        mark = measurement.Mark(moment, text)
        self.all.append(mark)
        for tell in self._found:
            tell(mark)

    def look(self) -> list[measurement.Mark]:
        """Take what was put since the last look."""
        *lines, self._rest = (self._rest + self._read()).split(b'\n')
        before = len(self.all)
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, KeyError):
                found = json.loads(line)
                self.add(str(found['text']), self._moment(found['at']))
        return self.all[before:]

    def _moment(self, said: float) -> float:
        now = time.monotonic()
        # It may come from where the clock is another one: by a folder that
        # two machines share, say.
        return said if self._began <= said <= now else now

    def _read(self) -> bytes:
        return b''.join(iter(lambda: os.read(self._file, 1 << 16), b''))


def beside(output: pathlib.Path) -> pathlib.Path:
    """The file of the Marks of a watch that writes its record to a file."""
    return output.with_name(output.name.removesuffix('.json') + SUFFIX)


def put(path: pathlib.Path, text: str) -> None:
    """Have a watch take a mark, now.

    :param path: the file of its Marks
    :raises RecordError: if no watch has it open, or it can't be written
    """
    line = json.dumps({'at': time.monotonic(), 'text': text}) + '\n'
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            if not _is_held(file):
                raise exceptions.RecordError(
                    f'{path} was left behind by a watch that was killed'
                )
            os.write(file, line.encode())
        finally:
            os.close(file)
    except FileNotFoundError as error:
        raise exceptions.RecordError(
            f'there is no {path}: no watch goes on that writes beside it'
        ) from error
    except OSError as error:
        raise exceptions.RecordError(
            f"{path} can't be written: {error.strerror}"
        ) from error


def held(folder: pathlib.Path) -> list[pathlib.Path]:
    """The files of the watches that go on in a folder, as far as readable."""
    found = []
    for path in sorted(folder.glob('*' + SUFFIX)):
        with contextlib.suppress(OSError):
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _is_held(file):
                    found.append(path)
            finally:
                os.close(file)
    return found


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False
