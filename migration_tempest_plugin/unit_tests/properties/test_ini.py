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

import os

import fixtures
from oslo_config import cfg

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import ini
from migration_tempest_plugin.unit_tests.properties import base
from migration_tempest_plugin.unit_tests.properties.base import strategies

NAMES = ('one', 'two', 'three')


def texts():
    """Files as people write them, with what oslo.config must understand."""
    name, value = (
        strategies.sampled_from(NAMES),
        strategies.text(alphabet='ab1=:#;[]$ \'"\x0c\u00e9', max_size=8),
    )
    line = strategies.one_of(
        strategies.sampled_from(
            (
                '[DEFAULT]',
                '[libvirt]',
                '[LibVirt]',
                '',
                '# one = 1',
                '; two: 2',
            )
        ),
        strategies.builds('{} = {}'.format, name, value),
        strategies.builds('{}: {}'.format, name, value),
        strategies.builds('{}={}'.format, name, value),
        strategies.builds('    {}'.format, value),
    )
    return strategies.builds(
        lambda lines, end: '[DEFAULT]\n' + '\n'.join(lines) + end,
        strategies.lists(line, max_size=12),
        strategies.sampled_from(('', '\n')),
    )


class TestEditor(base.Case):
    def read(self, text):
        """As oslo.config reads the file; None if it refuses it."""
        path = os.path.join(self.useFixture(fixtures.TempDir()).path, 'conf')
        with open(path, 'w', encoding='utf-8', newline='') as file:
            file.write(text)
        conf = cfg.ConfigOpts()
        for group in (None, 'libvirt'):
            conf.register_opts(
                [cfg.MultiStrOpt(name) for name in NAMES], group=group
            )
        try:
            conf(['--config-file', path])
        except cfg.ConfigFileParseError:
            return None
        # What stands there, before anything in it is replaced.
        [space] = conf._namespace._parsed
        return {
            (group.lower(), option): values[-1]
            for group, options in space.items()
            for option, values in options.items()
        }

    def test_it_reads_as_oslo_config_does(self):
        def check(text):
            read = self.read(text)
            try:
                found = {
                    name: ini.get_option(text, 'libvirt', name)
                    for name in NAMES
                }
            except exceptions.ConfigurationError:
                self.assertIsNone(read)
                return
            self.assertIsNotNone(read)
            self.assertEqual(
                {name: read.get(('libvirt', name)) for name in NAMES}, found
            )

        self.for_all(check, texts())

    def test_it_writes_what_oslo_config_reads(self):
        def check(text, name, value):
            before = self.read(text)
            if before is None:
                return
            after = self.read(ini.set_option(text, 'libvirt', name, value))
            self.assertEqual({**before, ('libvirt', name): value}, after)

        self.for_all(
            check,
            texts(),
            strategies.sampled_from(NAMES),
            strategies.sampled_from(('1', 'a b', 'x=y', 'c:d')),
        )

    def test_what_is_put_back_is_as_it_was(self):
        def check(text, name):
            before = self.read(text)
            if before is None:
                return
            changed = ini.set_option(text, 'libvirt', name, 'new')
            back = ini.restore_option(changed, text, 'libvirt', name)
            self.assertEqual(before, self.read(back))

        self.for_all(check, texts(), strategies.sampled_from(NAMES))

    def test_deleted(self):
        def check(text, name):
            before = self.read(text)
            if before is None:
                return
            before.pop(('libvirt', name), None)
            self.assertEqual(
                before, self.read(ini.delete_option(text, 'libvirt', name))
            )

        self.for_all(check, texts(), strategies.sampled_from(NAMES))
