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
"""The text of nova.conf, edited, and read again by oslo.config itself."""

import tempfile

from oslo_config import cfg
import testtools

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.hosts import ini

TEXT = """\
# before all
[DEFAULT]
debug = true
# about the host
my_ip = 10.0.0.1\x20\x20

[libvirt]
# how much
live_migration_bandwidth = 8
;live_migration_downtime = 100
cpu_models: a,
    b

# the end of libvirt
[neutron]
region_name = One
"""


def loaded(text, section, option):
    """The value as a service would see it."""
    conf = cfg.ConfigOpts()
    group = None if section == 'DEFAULT' else section
    conf.register_opt(cfg.StrOpt(option), group)
    with tempfile.NamedTemporaryFile('w', suffix='.conf') as file:
        file.write(text)
        file.flush()
        conf(['--config-file', file.name], project='none')
        return getattr(conf if group is None else conf[group], option)


class TestGet(testtools.TestCase):
    def test_as_oslo_config_reads_it(self):
        for section, option in (
            ('DEFAULT', 'debug'),
            ('DEFAULT', 'my_ip'),
            ('libvirt', 'live_migration_bandwidth'),
            ('libvirt', 'cpu_models'),
            ('neutron', 'region_name'),
        ):
            value = ini.get_option(TEXT, section, option)
            self.assertIsNotNone(value, option)
            self.assertEqual(loaded(TEXT, section, option), value)

    def test_what_is_not_there(self):
        for section, option in (
            ('libvirt', 'live_migration_downtime'),
            ('neutron', 'debug'),
            ('none', 'debug'),
        ):
            self.assertIsNone(ini.get_option(TEXT, section, option))

    def test_the_last_one_wins(self):
        text = '[A]\nx = 1\n[b]\ny = 2\n[a]\nx = "3"\n'
        self.assertEqual('3', ini.get_option(text, 'a', 'x'))

    def test_nothing(self):
        self.assertIsNone(ini.get_option('', 'a', 'x'))

    def test_no_such_file(self):
        error = self.assertRaises(
            exceptions.ConfigurationError, ini.get_option, '[a]\nx\n', 'a', 'x'
        )
        self.assertIn('line 2', str(error))

    def test_an_option_of_no_section(self):
        error = self.assertRaises(
            exceptions.ConfigurationError,
            ini.get_option,
            '\nx = 1\n',
            'a',
            'x',
        )
        self.assertIn('line 2', str(error))


class TestSet(testtools.TestCase):
    def set(self, section, option, value, text=TEXT):
        """Set it; returns what changed, as (gone, new) lines."""
        new = ini.set_option(text, section, option, value)
        self.assertEqual(str(value), loaded(new, section, option))
        old_lines, new_lines = text.splitlines(), new.splitlines()
        return (
            [line for line in old_lines if line not in new_lines],
            [line for line in new_lines if line not in old_lines],
            new,
        )

    def test_where_it_was(self):
        gone, new, text = self.set('libvirt', 'live_migration_bandwidth', 40)
        self.assertEqual(['live_migration_bandwidth = 8'], gone)
        self.assertEqual(['live_migration_bandwidth = 40'], new)
        self.assertEqual(TEXT.replace('bandwidth = 8', 'bandwidth = 40'), text)

    def test_with_the_lines_that_it_went_on_in(self):
        gone, new, _ = self.set('libvirt', 'cpu_models', 'c')
        self.assertEqual(
            (['cpu_models: a,', '    b'], ['cpu_models = c']), (gone, new)
        )

    def test_last_in_its_section(self):
        _, _, text = self.set('libvirt', 'live_migration_downtime', 500)
        self.assertIn('    b\nlive_migration_downtime = 500\n\n', text)

    def test_in_an_empty_section(self):
        _, _, text = self.set('b', 'x', 'y', '[a]\n[b]\n# none\n')
        self.assertEqual('[a]\n[b]\nx = y\n# none\n', text)

    def test_in_a_new_section(self):
        _, _, text = self.set('workarounds', 'x', 'y', '[a]\nb = c')
        self.assertEqual('[a]\nb = c\n\n[workarounds]\nx = y\n', text)

    def test_in_an_empty_file(self):
        _, _, text = self.set('a', 'b', 'c', '')
        self.assertEqual('[a]\nb = c\n', text)

    def test_the_last_of_several(self):
        text = '[a]\nx = 1\nx = 2\n'
        self.assertEqual(
            '[a]\nx = 1\nx = 3\n', ini.set_option(text, 'a', 'x', 3)
        )

    def test_not_what_would_be_something_else(self):
        for section, option, value in (
            ('a]\n[b', 'x', 'y'),
            ('a', 'x\ny', 'z'),
            ('a', 'x = y', 'z'),
            ('a', 'x', 'y\nz = 1'),
            ('a', '', 'y'),
            ('a', '# x', 'y'),
        ):
            self.assertRaises(
                exceptions.ConfigurationError,
                ini.set_option,
                TEXT,
                section,
                option,
                value,
            )


class TestRestore(testtools.TestCase):
    def restored(self, original, value='new'):
        """What becomes of a text whose option x of [a] was set."""
        return ini.restore_option(
            ini.set_option(original, 'a', 'x', value), original, 'a', 'x'
        )

    def test_to_the_letter(self):
        for lines in (
            'x = 1',
            'x: a,\n    b\n    c',
            'x = "a = b"',
            'x = 1\ny = 2',
            'y = 2\nx=',
            'y = 2',
        ):
            text = f'# a\f comment\n[a]\n{lines}\n\n[b]\nx = 3\n'
            self.assertEqual(text, self.restored(text))

    def test_repeated(self):
        text = '[a]\nx = 1\nx = 2\n    3\n'
        self.assertEqual(
            text,
            ini.restore_option(
                ini.delete_option(text, 'a', 'x'), text, 'a', 'x'
            ),
        )
        self.assertEqual(text, self.restored(text))

    def test_in_a_section_that_is_gone(self):
        self.assertEqual(
            '[b]\ny = 2\n\n[a]\nx = 1\n',
            ini.restore_option('[b]\ny = 2', '[a]\nx = 1\n', 'a', 'x'),
        )

    def test_the_rest_stays_as_others_made_it(self):
        self.assertEqual(
            '[a]\nx = 1\n   2\ny = theirs\n',
            ini.restore_option(
                '[a]\nx = ours\ny = theirs\n',
                '[a]\nx = 1\n   2\ny = old\n',
                'a',
                'x',
            ),
        )


class TestLines(testtools.TestCase):
    """Only what ends a line of a file does so here."""

    def test_others(self):
        for mark in '\f', '\v', '\x1c', '\x85', '\u2028':
            text = f'[a]\n# one{mark}x = 0\nx = 1\n'
            self.assertEqual(
                loaded(text, 'a', 'x'), ini.get_option(text, 'a', 'x')
            )
            self.assertEqual(
                text.replace('x = 1', 'x = 2'),
                ini.set_option(text, 'a', 'x', 2),
            )

    def test_of_dos(self):
        text = '[a]\r\nx = 1\r\ny = 2\r\n'
        self.assertEqual('1', ini.get_option(text, 'a', 'x'))
        self.assertEqual(
            '[a]\r\nx = 3\ny = 2\r\n', ini.set_option(text, 'a', 'x', 3)
        )


class TestDelete(testtools.TestCase):
    def test_and_nothing_else(self):
        text = ini.delete_option(TEXT, 'libvirt', 'cpu_models')
        self.assertEqual(TEXT.replace('cpu_models: a,\n    b\n', ''), text)

    def test_all_of_them(self):
        text = '[a]\nx = 1\n[b]\nx = 2\n[a]\nx = 3\n'
        self.assertEqual(
            '[a]\n[b]\nx = 2\n[a]\n', ini.delete_option(text, 'a', 'x')
        )

    def test_what_is_not_there(self):
        self.assertEqual(TEXT, ini.delete_option(TEXT, 'a', 'x'))

    def test_what_was_set(self):
        for section in ('libvirt', 'DEFAULT', 'neutron'):
            self.assertEqual(
                TEXT,
                ini.delete_option(
                    ini.set_option(TEXT, section, 'added', 'x'),
                    section,
                    'added',
                ),
            )
