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
"""StarlingX's test plan, case 3.1, in Horizon's own form."""

from tempest.lib import decorators
from tempest import test

from migration_tempest_plugin import config
from migration_tempest_plugin.starlingx import settings
from migration_tempest_plugin.tests import chromium
from migration_tempest_plugin.tests.dashboard import horizon
from migration_tempest_plugin.tests import flavor

CONF = config.CONF

NAMESPACE = 'StarlingX Live Migration'

TITLES = {
    settings.TIMEOUT: 'Live Migration Timeout',
    settings.MAX_DOWNTIME: 'Live Migration Maximum Downtime',
}


class TestFlavorMetadata(test.BaseTestCase):
    """3.1: the form shows default and help, and takes what makes sense.

    A flavor's "Update Metadata". Behind it, Nova takes any value: what the
    form lets through is what the flavor has.
    """

    credentials = ['admin']

    @classmethod
    def skip_checks(cls):
        super().skip_checks()
        if not CONF.migration.dashboard_url:
            raise cls.skipException('No Horizon: [migration] dashboard_url')
        if not CONF.migration_feature_enabled.starlingx_metadefs:
            raise cls.skipException(
                "Glance has no definitions of StarlingX's settings: "
                '[migration-feature-enabled] starlingx_metadefs'
            )
        if chromium.missing():
            raise cls.skipException(
                f'No browser to look at Horizon: {chromium.missing()}'
            )

    def setUp(self):
        super().setUp()
        self.client = self.os_admin.flavors_client
        self.flavor = self.useFixture(flavor.Flavor(self.client)).id
        self.horizon = horizon.Horizon(
            self.useFixture(chromium.Chromium()), CONF.migration.dashboard_url
        )
        self.horizon.log_in(self.os_admin.credentials)

    def assert_default(self, name, default, *helps):
        """It stands in the form when it is chosen, with a help."""
        dialog = self.horizon.flavor_metadata(self.flavor)
        field = dialog.choose(NAMESPACE, TITLES[name], name)
        self.assertEqual(default, field.value)
        for text in helps:
            self.assertIn(text, dialog.help)
        self.assertTrue(dialog.can_be_saved, field.complaint)

    def assert_refused(self, name, *values):
        """The form says why, and can't be saved."""
        dialog = self.horizon.flavor_metadata(self.flavor)
        field = dialog.choose(NAMESPACE, TITLES[name], name)
        said = {}
        for value in values:
            field.value = value
            said[value] = (
                'can be saved' if dialog.can_be_saved else field.complaint
            )
        self.assertEqual(
            {
                value: 'Pattern mismatch' if value else 'Required'
                for value in values
            },
            said,
        )

    def assert_saved(self, name, *values):
        """The flavor has it then, and the form shows it again."""
        dialog = self.horizon.flavor_metadata(self.flavor)
        field = dialog.choose(NAMESPACE, TITLES[name], name)
        for value in values:
            field.value = value
            self.assertEqual('', field.complaint, value)
            self.assertTrue(dialog.can_be_saved, f'{name} = {value}')
            dialog.save()
            self.assertEqual(value, self.of_the_flavor(name))
            dialog = self.horizon.flavor_metadata(self.flavor)
            field = dialog.field(name)
            self.assertEqual(value, field.value)

    def of_the_flavor(self, name):
        """What Nova has of it."""
        return self.client.list_flavor_extra_specs(self.flavor)[
            'extra_specs'
        ].get(name)

    @decorators.idempotent_id('0910cd91-28c4-4435-b584-feb720a9b088')
    @decorators.attr(type='slow')
    def test_timeout_default(self):
        """The time-out is 180 s by default, and the help has its range"""
        self.assert_default(
            settings.TIMEOUT,
            '180',
            'Seconds within which a live migration must complete',
            '120 to 800, or 0 for no time-out',
            'The default is 180',
        )

    @decorators.idempotent_id('a79922ec-a327-4127-b216-c177cd2b181c')
    @decorators.attr(type=['slow', 'negative'])
    def test_timeouts_that_are_refused(self):
        """-1, 1, 119 and 801 s can't be saved, nor can nothing"""
        self.assert_refused(settings.TIMEOUT, '-1', '1', '119', '801', '')

    @decorators.idempotent_id('cd84a30e-e50f-483d-ba9e-7dac64dfe8d3')
    @decorators.attr(type='slow')
    def test_timeouts_that_are_saved(self):
        """0, 120, 150 and 800 s are what the flavor has then"""
        self.assert_saved(settings.TIMEOUT, '0', '120', '150', '800')

    @decorators.idempotent_id('2bcf6340-7177-4a22-b65e-932e1a86b4b3')
    @decorators.attr(type=['slow', 'negative'])
    def test_maximum_downtime(self):
        """500 ms by default; 99 can't be saved, 100 can"""
        self.assert_default(
            settings.MAX_DOWNTIME, '500', '100 at least', 'The default is 500'
        )
        self.assert_refused(settings.MAX_DOWNTIME, '99')
        self.assert_saved(settings.MAX_DOWNTIME, '100')
