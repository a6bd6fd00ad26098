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
"""``tempest downtime doctor``: what can run here, before it is run."""

from tempest.lib import exceptions as lib_exc

from migration_tempest_plugin.cloud import api
from migration_tempest_plugin.cloud import services
from migration_tempest_plugin.cmd import base
from migration_tempest_plugin import config
from migration_tempest_plugin.doctor import cloud
from migration_tempest_plugin.doctor import finding
from migration_tempest_plugin.doctor import here
from migration_tempest_plugin.doctor import hosts
from migration_tempest_plugin.doctor import tests

CONF = config.CONF


class Doctor(base.Command):
    """Say what of this plugin can run, and what each other part lacks.

    It looks at this machine, at the cloud that tempest.conf describes, at its
    compute hosts, and at each test. Nothing is changed anywhere. It exits
    with 1 if something is bad, or if no test would run.
    """

    def take_action(self, parsed_args):
        good = True
        for title, findings in (
            ('This machine', here.findings()),
            ('The cloud', _cloud()),
            ('The compute hosts', self._hosts()),
        ):
            self._print(f'\n{title}')
            for each in findings:
                self._print('  ' + str(each).replace('\n', '\n  '))
                good = good and each.outcome is not finding.Outcome.BAD
        return 0 if self._tests() and good else 1

    def _print(self, line):
        self.app.stdout.write(line + '\n')
        self.app.stdout.flush()

    def _hosts(self):
        return hosts.findings(_known())

    def _tests(self):
        """Print what the tests would do; returns whether any would run."""
        reasons = tests.reasons()
        run = reasons.pop(None, [])
        known = len(run) + sum(map(len, reasons.values()))
        self._print(
            f'\nThe tests, by tempest.conf: {len(run)} of {known} would run'
        )
        for reason, names in sorted(reasons.items()):
            lines = '\n            '.join(sorted(names))
            self._print(f'  skipped   {reason}\n            {lines}')
        return bool(run)


def _cloud():
    try:
        admin = api.admin()
        admin.auth_provider.get_token()
    except api.ERRORS as error:
        return [
            finding.bad(
                # Tempest's own words list all credentials but the password
                'Keystone',
                'no credentials of an administrator'
                if isinstance(error, lib_exc.InvalidCredentials)
                else finding.reason(error),
                f'[identity] uri_v3 ({CONF.identity.uri_v3}) and '
                '[auth] admin_* of tempest.conf',
            )
        ]
    return cloud.findings(admin)


def _known():
    """The hosts that Nova has, as far as it says."""
    try:
        return [
            each['host']
            for each in services.computes(api.admin().services_client)
        ]
    except api.ERRORS:
        return []
