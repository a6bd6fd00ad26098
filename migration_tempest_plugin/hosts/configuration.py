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
"""Options of a service on hosts, changed for a while and put back.

What was there before is kept beside the file, with a note of who changes it:
a run that was killed is found, and put right, by the next.
"""

import collections.abc
import functools
import typing

import fixtures
from oslo_log import log

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import ini
from migration_tempest_plugin.hosts import notes
from migration_tempest_plugin.hosts import ssh
from migration_tempest_plugin import threads

LOG = log.getLogger(__name__)

#: A value for each; None deletes it.
Settings: typing.TypeAlias = collections.abc.Mapping[notes.Option, object]
#: Makes the service of a host take what is in its file.
Apply: typing.TypeAlias = collections.abc.Callable[[ssh.Host], object]

# Bytes of a file that are not UTF-8 come back as they were.
_ERRORS = 'surrogateescape'


class ConfigurationFile:
    """One file of options on one host.

    :param host: the Host
    :param path: of the file there
    """

    def __init__(self, host: ssh.Host, path: str) -> None:
        self.host = host
        self.path = path

    def read(self) -> str:
        """Its text.

        :raises HostError: if it can't be read
        """
        return self._script('read')

    def get(self, section: str, option: str) -> str | None:
        """The value of an option, as it is in the file, or None.

        What is in force may be another: a default, another file, or what the
        file said when the service started.

        :raises HostError: if it can't be read
        :raises ConfigurationError: if it is no such file
        """
        return ini.get_option(self.read(), section, option)

    def change(self, settings: Settings) -> None:
        """Set and delete options, and keep what was there before.

        :param settings: a value for each (section, option); None deletes it
        :raises HostError: if it can't be read or written
        :raises ConfigurationError: if it is no such file, or the value can't
            be in one
        """
        self._replace(_edited(self.read(), settings), settings, self.note())

    def copy(
        self, text: str, options: collections.abc.Collection[notes.Option]
    ) -> None:
        """Make options again what they are in a text of the file, as change().

        :param options: each as (section, option)
        :raises HostError: if it can't be read or written
        :raises ConfigurationError: if it is no such file
        """
        self._replace(
            _restored(self.read(), text, options), options, self.note()
        )

    def _replace(
        self,
        text: str,
        changed: collections.abc.Iterable[notes.Option],
        note: notes.Note | None,
    ) -> None:
        """Write a text, and note the options that are changed in it."""
        before = note.options if note else ()
        options = [*before, *(each for each in changed if each not in before)]
        self._write(text, notes.Note.of_this_process(_bytes(text), options))

    def change_instead(self, settings: Settings) -> None:
        """As change(); what was changed before is what it was at first.

        :param settings: a value for each (section, option); None deletes it
        :raises HostError: if it can't be read or written
        :raises ConfigurationError: if it is no such file, or the value can't
            be in one
        """
        note, text = self.note(), self.read()
        if note:
            text = _restored(
                text,
                self._script('original'),
                [each for each in note.options if each not in settings],
            )
        self._replace(_edited(text, settings), settings, note)

    def note(self) -> notes.Note | None:
        """Who changes the file; None if nobody does.

        :raises HostError: if it can't be read
        """
        text = self._script('note')
        if not text:
            return None
        try:
            return notes.Note.from_json(text)
        except ValueError as error:
            raise exceptions.HostError(
                self.host.name,
                ('note of', self.path),
                f'what is beside the file makes no sense ({error}): compare '
                f'the file with {self.path}.before-migration-tests by hand',
            ) from error

    def put_back(self, apply: Apply = lambda host: None) -> bool:
        """Make it again what it was before the first change.

        If somebody else changed it meanwhile, that is left, and the options
        alone are put back.

        :param apply: called with the Host after that; what was there before
            is kept until this has succeeded
        :returns: whether there was anything to be put back
        :raises HostError: if it can't be
        """
        note = self.note()
        if note is None:
            return False
        if note.at_work and not note.ours:
            raise exceptions.HostError(
                self.host.name,
                ('change', self.path),
                f'it is being changed by {note}',
            )
        if note.elsewhere:
            kept = f'{self.path}.before-migration-tests'
            raise exceptions.HostError(
                self.host.name,
                ('change', self.path),
                f'it was changed by {note}, which may still be at work: only '
                'that machine can tell. If it is over, run the tests from '
                f'there again, or put it back by hand: mv {kept} {self.path}; '
                f'rm {kept}.note; and restart nova-compute',
            )
        text, original = self.read(), self._script('original')
        if note.is_of(_bytes(text)):
            self._script('restore')
        else:
            self._put_back_options(text, original, note)
        apply(self.host)
        self._script('forget')
        return True

    def _put_back_options(
        self, text: str, original: str, note: notes.Note
    ) -> None:
        restored = _restored(text, original, note.options)
        if restored != text:
            LOG.warning(
                '%s: %s was changed by somebody else, too: only %s are put '
                'back',
                self.host.name,
                self.path,
                note.options,
            )
            self._write(restored, note)

    def _write(self, text: str, note: notes.Note) -> None:
        self._script(
            'write', note.to_json(), str(len(_bytes(text))), input=text
        )

    def _script(self, verb: str, *arguments: str, input: str = '') -> str:
        return self.host.script(
            'configuration',
            verb,
            self.path,
            *arguments,
            input=input,
            errors=_ERRORS,
        )


class ChangedConfiguration(fixtures.Fixture):
    """Options changed on several hosts for as long as it is set up.

    One may be set up while another is, and is cleaned up before that.

    :param files: the ConfigurationFile of each host
    :param settings: a value for each (section, option); None deletes it
    :param apply: called with each Host after its file was changed, and after
        it was put back: makes the service take it
    """

    def __init__(
        self,
        files: collections.abc.Sequence[ConfigurationFile],
        settings: Settings,
        apply: Apply,
    ) -> None:
        self._files = files
        self._settings = settings
        self._apply = apply

    def _setUp(self) -> None:
        for file in self._files:
            put_right(file, self._apply)
        for file in self._files:
            # First: what fails half-way is put back, too.
            if file.note():
                self.addCleanup(self._undo, file, file.read())
            else:
                self.addCleanup(file.put_back, self._apply)
            file.change(self._settings)
            self._apply(file.host)

    def _undo(self, file: ConfigurationFile, text: str) -> None:
        file.copy(text, tuple(self._settings))
        self._apply(file.host)


class HeldConfiguration:
    """Options of a service on several hosts, for one test after the other.

    What one test wanted stays until another wants something else, or until
    put_back(): so a service is restarted only where it has to be. Hosts are
    changed side by side.

    :param files: the ConfigurationFile of each host
    :param apply: called with a Host after its file was changed, in a thread:
        makes the service take it
    """

    def __init__(
        self, files: collections.abc.Iterable[ConfigurationFile], apply: Apply
    ) -> None:
        self._files = tuple(files)
        self._apply = apply
        # the settings of each file; None: it is not known
        self._held: dict[ConfigurationFile, Settings | None] = {}

    def want(
        self, wanted: collections.abc.Mapping[ConfigurationFile, Settings]
    ) -> None:
        """Have some options in force, and no others.

        :param wanted: for each ConfigurationFile a value for each (section,
            option), where None deletes it; what is left out is as it was
            before the first test
        :raises HostError: if a host can't be changed, after all were tried
        :raises ConfigurationError: as ConfigurationFile.change()
        """
        to_do = {
            file: dict(wanted.get(file, {}))
            for file in self._files
            if wanted.get(file, {}) != self._held.get(file, {})
        }
        threads.call_all(
            functools.partial(self._hold, *each) for each in to_do.items()
        )

    def put_back(self) -> None:
        """Make all files again what they were before.

        :raises HostError: if one can't be, after all were tried
        """
        self.want({})

    def _hold(self, file: ConfigurationFile, settings: Settings) -> None:
        self._held[file] = None
        put_right(file, self._apply)
        if settings:
            file.change_instead(settings)
            self._apply(file.host)
        else:
            file.put_back(self._apply)
        self._held[file] = settings


def put_right(file: ConfigurationFile, apply: Apply) -> bool:
    """Put back what a run that was killed has left changed.

    :param apply: called with the Host after that
    :returns: whether there was anything
    :raises HostError: if it can't be, or another run is at work on it
    """
    note = file.note()
    if note is None or note.ours:
        return False
    LOG.warning(
        '%s: %s was left changed by %s: putting it back',
        file.host.name,
        file.path,
        note,
    )
    return file.put_back(apply)


def _edited(text: str, settings: Settings) -> str:
    for (section, option), value in settings.items():
        text = (
            ini.delete_option(text, section, option)
            if value is None
            else ini.set_option(text, section, option, value)
        )
    return text


def _restored(
    text: str, original: str, options: collections.abc.Iterable[notes.Option]
) -> str:
    for each in options:
        text = ini.restore_option(text, original, *each)
    return text


def _bytes(text: str) -> bytes:
    return text.encode(errors=_ERRORS)
