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
"""StarlingX's cases 3.0 and 3.1: what the APIs know of its settings."""

import re

from tempest.lib import decorators
from tempest.lib import exceptions as lib_exc
from tempest import test

from migration_tempest_plugin.cloud import api
from migration_tempest_plugin import config
from migration_tempest_plugin.starlingx import settings
from migration_tempest_plugin.tests import flavor

CONF = config.CONF

#: Below it, Nova takes any extra spec (api-ref, "Flavors extra-specs").
CHECKED_SINCE = '2.86'

NAMESPACE = 'OS::Compute::StarlingXLiveMigration'

_OUT_OF_RANGE = settings.TIMEOUT + ' must be 0 or in the range 120 to 800'


class TestExtraSpecs(test.BaseTestCase):
    """3.0: a flavor takes what makes sense, and nothing else."""

    credentials = ['admin']

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        if not CONF.migration_feature_enabled.starlingx_extra_specs:
            raise cls.skipException(
                "Nova does not check StarlingX's extra specs: "
                '[migration-feature-enabled] starlingx_extra_specs'
            )

    def setUp(self):
        super().setUp()
        self.useFixture(api.microversion(CHECKED_SINCE))
        self.client = self.os_admin.flavors_client
        self.flavor = self.useFixture(flavor.Flavor(self.client)).id

    def taken(self, name, value):
        """Set an extra spec that makes sense; the flavor must have it."""
        try:
            self.set_to(name, value)
        except lib_exc.BadRequest as error:
            said = error.resp_body['message']
            self.fail(
                f'Nova refuses {name} = {value}: {said}. Is the validator '
                'installed beside its API (entry point '
                'nova.api.extra_spec_validators), and was that restarted?'
            )
        self.assertEqual(value, self.said(name))

    def set_to(self, name, value):
        self.client.set_flavor_extra_spec(self.flavor, **{name: value})

    def said(self, name):
        return self.client.list_flavor_extra_specs(self.flavor)[
            'extra_specs'
        ].get(name)

    def refused(self, name, value):
        """Why Nova refuses a value; the flavor must not have it then."""
        before = self.said(name)
        error = self.assertRaises(lib_exc.BadRequest, self.set_to, name, value)
        self.assertEqual(before, self.said(name), 'Refused, but set')
        return error.resp_body['message']

    @decorators.idempotent_id('75399612-f17c-4a5a-bf4e-65309160bbac')
    def test_timeouts_that_are_taken(self):
        """120 to 800 seconds, and 0 for none"""
        for value in ('120', '150', '800', '0'):
            self.taken(settings.TIMEOUT, value)

    @decorators.idempotent_id('08299113-2406-486e-8a15-28cc5bf4ad8b')
    @decorators.attr(type=['negative'])
    def test_timeouts_that_are_refused(self):
        """Others get 400, with StarlingX's words"""
        self.taken(settings.TIMEOUT, '150')
        for value in ('-1', '1', '119', '801'):
            self.assertEqual(
                _OUT_OF_RANGE, self.refused(settings.TIMEOUT, value), value
            )
        for value in ('soon', '1.5'):
            self.assertEqual(
                settings.TIMEOUT + ' must be an integer.',
                self.refused(settings.TIMEOUT, value),
                value,
            )

    @decorators.idempotent_id('140229e2-58a8-434e-aded-561b30e207c9')
    @decorators.attr(type=['negative'])
    def test_maximum_downtimes(self):
        """100 ms and more; less gets 400, with StarlingX's words"""
        for value in ('100', '500'):
            self.taken(settings.MAX_DOWNTIME, value)
        for value in ('99', '0', '-100'):
            self.assertEqual(
                settings.MAX_DOWNTIME
                + ' must be greater than or equal to 100',
                self.refused(settings.MAX_DOWNTIME, value),
                value,
            )

    @decorators.idempotent_id('7119b2b1-4c1a-425b-96e6-5cf50492f467')
    @decorators.attr(type=['negative'])
    def test_switches(self):
        """Auto-converge and tunnelling are true or false"""
        for name in (settings.AUTO_CONVERGE, settings.TUNNEL):
            for value in ('True', 'False'):
                self.taken(name, value)
            self.assertIn(
                f'Error setting key {name}', self.refused(name, 'perhaps')
            )


class TestMetadefs(test.BaseTestCase):
    """3.1: what Horizon's form for extra specs is made of.

    Horizon shows the descriptions and defaults that Glance has, and takes
    what matches the patterns. The form itself is looked at by
    dashboard.test_starlingx.
    """

    credentials = ['primary']

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        if not CONF.service_available.glance:
            raise cls.skipException('No Glance: [service_available] glance')
        if not CONF.migration_feature_enabled.starlingx_metadefs:
            raise cls.skipException(
                "Glance has no definitions of StarlingX's settings: "
                '[migration-feature-enabled] starlingx_metadefs'
            )

    def property(self, name):
        client = self.os_primary.namespace_properties_client
        return client.show_namespace_properties(NAMESPACE, name)

    def assert_takes(self, found, taken, refused):
        """A form takes, and refuses, these values.

        Text with a pattern: of an integer, Horizon checks the least and the
        most alone, and those leave no gap.
        """
        self.assertEqual('string', found['type'])
        self.assertEqual(
            list(taken),
            [
                each
                for each in (*taken, *refused)
                if re.search(found['pattern'], each)
            ],
        )

    @decorators.idempotent_id('90832762-5180-4d13-b3ae-d9035f15c827')
    def test_timeout(self):
        """The time-out is 180 s by default, and its help says so"""
        found = self.property('live_migration_timeout')
        self.assertEqual(
            '180',
            found['default'],
            'Glance has another default of the time-out',
        )
        self.assert_takes(
            found,
            taken=('0', '120', '150', '180', '800'),
            refused=('-1', '1', '119', '801', '0120', ''),
        )
        self.assertEqual('Live Migration Timeout', found['title'])
        self.assertIn('120 to 800, or 0', found['description'])
        self.assertIn('default is 180', found['description'])

    @decorators.idempotent_id('f90663a1-d8fa-4d39-869f-c924d5678a5b')
    def test_maximum_downtime(self):
        """The maximum downtime is 500 ms by default, and 100 ms at least"""
        found = self.property('live_migration_max_downtime')
        self.assertEqual(
            '500',
            found['default'],
            'Glance has another default of the maximum downtime',
        )
        self.assert_takes(
            found,
            taken=('100', '101', '500', '1000'),
            refused=('-100', '0', '99', '0100', '1e3', ''),
        )
        self.assertIn('default is 500', found['description'])

    @decorators.idempotent_id('278b048b-7304-4f1b-95e0-2e27087f762a')
    def test_where_they_apply(self):
        """Flavors, servers and images have them, by their own prefixes"""
        found = self.os_primary.namespaces_client.show_namespace(NAMESPACE)
        self.assertEqual('public', found['visibility'])
        prefixes = {
            each['name']: each['prefix']
            for each in found['resource_type_associations']
        }
        self.assertEqual('hw:wrs:', prefixes.get('OS::Nova::Flavor'))
        self.assertEqual('hw:wrs:', prefixes.get('OS::Nova::Server'))
        self.assertEqual('hw_wrs_', prefixes.get('OS::Glance::Image'))
