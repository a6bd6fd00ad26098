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
"""A COMMAND that is run while servers are watched."""

import codecs
import contextlib
import os
import pathlib
import selectors
import subprocess
import threading

from migration_tempest_plugin import exceptions

#: Seconds that it gets to end when it is asked to.
PATIENCE = 10.0

#: Seconds after which a line that is not whole (a question) is shown.
_QUIET = 0.3


class Program:
    """Runs it, and hands on what it prints.

    :param words: the command, a word each
    :param say: called with each line that it prints
    :raises RecordError: if it can't be started
    """

    def __init__(self, words, say):
        # Not the arguments: there may be a password among them.
        self.name = pathlib.Path(words[0]).name
        self._say = say
        reader, writer = os.pipe()
        try:
            self._process = subprocess.Popen(
                words, stdout=writer, stderr=writer
            )
        except OSError as error:
            os.close(reader)
            raise exceptions.RecordError(
                f"{words[0]} can't be started: {error.strerror}"
            ) from error
        finally:
            os.close(writer)
        self._thread = threading.Thread(
            target=self._read, args=(reader,), daemon=True
        )
        self._thread.start()

    @property
    def status(self):
        """Exit status, or None as long as it runs."""
        return self._process.poll()

    def end(self):
        """End it, if it still runs."""
        if self.status is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PATIENCE)
        if self.status is None:
            self._process.kill()
            self._process.wait()
        # What it has started may hold its output open.
        self._thread.join(1.0)

    def _read(self, reader):
        decode = codecs.getincrementaldecoder('utf-8')('replace').decode
        rest = ''
        with (
            open(reader, 'rb', buffering=0) as output,
            selectors.DefaultSelector() as selector,
        ):
            selector.register(output, selectors.EVENT_READ)
            while True:
                if rest and not selector.select(_QUIET):
                    self._say(rest)
                    rest = ''
                data = output.read(1 << 16)
                *lines, rest = (rest + decode(data)).split('\n')
                for line in lines:
                    self._say(line.rstrip('\r'))
                if not data:
                    break
        if rest:
            self._say(rest)
