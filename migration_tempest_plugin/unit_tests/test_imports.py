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
"""What may import what, as the contributors' page draws it."""

import pathlib

import fixtures
import testtools

from migration_tempest_plugin.unit_tests import checkout
from migration_tempest_plugin.unit_tests.checkout import ROOT


class TestImports(testtools.TestCase):
    def setUp(self):
        super().setUp()
        if not (ROOT / 'tools').is_dir():
            self.skipTest('An installed plugin has no tools beside it')
        self.tool = checkout.load('tools/draw_imports.py')

    def imports_of(self, **modules):
        """The imports of a plugin with these modules."""
        root = pathlib.Path(self.useFixture(fixtures.TempDir()).path)
        for name, text in modules.items():
            package, _, module = name.partition('__')
            (root / package).mkdir(exist_ok=True)
            (root / package / (module + '.py')).write_text(text)
        return self.tool.imports(root)

    def test_none_goes_upward(self):
        found = self.tool.imports(ROOT / 'migration_tempest_plugin')
        self.assertIn(
            ('running', 'cloud'),
            [(each.package, each.imported) for each in found],
        )
        self.assertEqual([], [each for each in found if each.is_upward])

    def test_the_drawing_is_of_today(self):
        """tools/draw_imports.py > doc/source/imports.txt"""
        found = self.tool.imports(ROOT / 'migration_tempest_plugin')
        self.assertEqual(
            (ROOT / 'doc/source/imports.txt').read_text().splitlines(),
            list(self.tool.drawing(found)),
        )

    def test_upward(self):
        [found] = self.imports_of(
            guest__x='from migration_tempest_plugin.tests import scenario'
        )
        self.assertEqual(
            ('guest/x.py', 'tests', True),
            (found.module, found.imported, found.is_upward),
        )

    def test_each_way_to_import(self):
        found = self.imports_of(
            tests__a='import migration_tempest_plugin.guest.shell\n',
            tests__b='def function():\n'
            '    from migration_tempest_plugin import hosts\n',
            tests__c='from migration_tempest_plugin.tests import other\n'
            'import os\n',
            unit_tests__d='from migration_tempest_plugin import tests\n',
        )
        self.assertEqual(
            {('tests/a.py', 'guest'), ('tests/b.py', 'hosts')},
            {(each.module, each.imported) for each in found},
        )
        self.assertEqual({False}, {each.is_upward for each in found})

    def test_what_only_types_need(self):
        self.assertEqual(
            set(),
            self.imports_of(
                guest__x='import typing\n'
                'if typing.TYPE_CHECKING:\n'
                '    from migration_tempest_plugin import tests\n'
            ),
        )

    def test_a_package_without_a_place(self):
        error = self.assertRaises(ValueError, self.imports_of, new__x='')
        self.assertIn('new', str(error))
