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
"""Whether all that a guest wrote to its disk is on it, and written once."""

from migration_tempest_plugin.checks import check
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.guest import shell
from migration_tempest_plugin.guest import writer


class StorageCheck(check.Check):
    """The guest writes to its disk all the time, and nothing of it is lost.

    Each record that the guest has on its disk is reported to the outside at
    once, with a token that was made at random for it. Afterwards the disk must
    have the very tokens that were reported: if the guest had run in two places
    for a while, there would be two tokens for one record.

    :param storage_writer: the StorageWriter, which is set up here
    :param client: anything with ``exec_command(cmd) -> str``
    :ivar writer: it, from which others may take records, too
    """

    name = 'storage'

    def __init__(self, storage_writer, client):
        self.writer = storage_writer
        self._client = client

    def _setUp(self):
        self.useFixture(self.writer)

    @property
    def file(self):
        """Where the records are in the guest."""
        return self.writer.file

    def verify(self):
        try:
            # It goes on.
            self.writer.wait_for_records(1)
        except exceptions.GuestError as error:
            raise self.failed('%s', error) from error
        reported = self.writer.records
        complaints = _complaints(reported)
        facts = shell.ask(self._client, 'storage_reader', self.file)
        complaints += _differences(reported, _places(facts['log']))
        if complaints:
            raise self.failed(
                '%s on %s: %d of %d records are wrong: %s',
                self.file,
                self.writer.source,
                len(complaints),
                len(reported),
                '; '.join(complaints[:3]),
            )
        return (
            f'{len(reported)} records on {self.writer.source} '
            f'({self.writer.type}), read back from {facts["from"]}, '
            f'the longest stall {longest_stall(reported):.2f} s'
        )


def longest_stall(records):
    """Seconds of the guest's clock for the slowest of some Records."""
    return max(record.delay for record in records)


def _complaints(reported):
    """What is wrong in the order in which they were reported."""
    return [
        f'record {after.number} was reported after record {before.number}'
        for before, after in zip(reported, reported[1:])
        if after.number != before.number + 1
    ]


def _places(log):
    """What is at each place of the file, as words."""
    return {
        int(words[0]): words[1:] for words in map(str.split, log.splitlines())
    }


def _differences(reported, places):
    """What is not on the disk of the records that were reported."""
    newest = reported[-1].number
    wrong = []
    for record in reported:
        if record.number <= newest - writer.RECORDS:
            continue  # its place was needed again
        found = places.get(record.number % writer.RECORDS, ['missing'])
        if found[0] in ('torn', 'empty', 'missing'):
            wrong.append(
                f'record {record.number} ({record.token}) is {" ".join(found)}'
            )
        elif int(found[0]) > newest:
            continue  # the next one is there already
        elif found != [str(record.number), record.token]:
            wrong.append(
                f'record {record.number} was reported with {record.token}, '
                f'and the disk has {" ".join(found)}: the guest ran twice, or '
                'this is an older disk'
            )
    return wrong
