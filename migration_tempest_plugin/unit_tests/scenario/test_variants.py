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
"""The variants, and the tests that are made of them."""

import collections
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin.tests.scenario import test_matrix
from migration_tempest_plugin.tests.scenario import variants
from migration_tempest_plugin.tests.whitebox import test_matrix as whitebox

ALL = (*variants.BY_API, *variants.BY_NOVA_CONF)


class TestVariants(testtools.TestCase):
    def test_names_and_ids_are_unique(self):
        for field in ('name', 'id'):
            counted = collections.Counter(getattr(each, field) for each in ALL)
            self.assertEqual(
                [], [what for what, times in counted.items() if times > 1]
            )

    def test_each_can_be_done(self):
        for cases, scenario in (
            (variants.BY_API, test_matrix.TestMatrix),
            (variants.BY_NOVA_CONF, whitebox.TestMatrix),
        ):
            self.assertNotEqual((), cases)
            for each in cases:
                for method in (each.how, each.boot, 'test_' + each.name):
                    self.assertTrue(callable(getattr(scenario, method)))

    def test_those_of_nova_conf_say_what(self):
        for each in variants.BY_NOVA_CONF:
            self.assertNotEqual({}, each.nova_conf)
            self.assertTrue(
                each.qemu or each.how == 'migrate_tunnelled',
                f"{each.name} can't be seen to be in force",
            )


class TestTests(testtools.TestCase):
    def test_one_for_each(self):
        seen = []

        @variants.tests_of(variants.BY_API)
        class Matrix:
            def migrate_there_and_back(self, variant):
                seen.append(variant.name)

        for each in variants.BY_API:
            test = vars(Matrix)['test_' + each.name]
            self.assertIn(each.title, test.__doc__)
            # mangled in a class if written as an attribute
            marks = getattr(test, '__testtools_attrs')
            self.assertLessEqual({'id-' + each.id, 'slow'}, set(marks))
            test.__wrapped__(Matrix())
        self.assertEqual([each.name for each in variants.BY_API], seen)


class TestReasonToSkip(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.conf = mock.Mock()
        self.conf.migration.variants = []
        self.useFixture(
            fixtures.MonkeyPatch(
                'migration_tempest_plugin.tests.scenario.variants.CONF',
                self.conf,
            )
        )

    def test_none(self):
        self.assertIsNone(
            variants.reason_to_skip(variants.Variant('easy', 'id', 'title'))
        )

    def test_what_the_cloud_lacks(self):
        self.conf.compute_feature_enabled.pause = False
        self.conf.compute_feature_enabled.live_migration = True
        [paused] = [each for each in ALL if each.name == 'paused']
        self.assertEqual(
            '[compute-feature-enabled] pause is false',
            variants.reason_to_skip(paused),
        )

    def test_what_it_must_lack(self):
        features = self.conf.compute_feature_enabled
        features.live_migration = True
        features.block_migration_for_live_migration = True
        [shared] = [each for each in ALL if each.name == 'pre_copy_shared']
        self.assertEqual(
            '[compute-feature-enabled] block_migration_for_live_migration is '
            'true',
            variants.reason_to_skip(shared),
        )

    def test_not_chosen(self):
        self.conf.migration.variants = ['cold']
        self.assertEqual(
            'easy is not chosen: [migration] variants',
            variants.reason_to_skip(variants.Variant('easy', 'id', 'title')),
        )
