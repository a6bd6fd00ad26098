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

import argparse
import io
import signal
from unittest import mock

import fixtures
from tempest.lib import exceptions as lib_exc
import testtools

from migration_tempest_plugin.cmd import policy as command
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.starlingx import settings

SERVER = 'd8f7f1c0-6d0b-4b0e-9d43-3c5f3f6f2a11'


class TestArguments(testtools.TestCase):
    def refused(self, function, text):
        error = self.assertRaises(argparse.ArgumentTypeError, function, text)
        self.assertIn(repr(text), str(error))

    def test_timeout(self):
        self.assertEqual(0, command._whole('0'))
        for text in ('-1', '1.5', 'soon', ''):
            self.refused(command._whole, text)

    def test_pause(self):
        """Until something is due, if that comes before the next look."""
        with mock.patch.object(command.time, 'monotonic', lambda: 100.0):
            for due, pause in (
                (None, 0.5),
                (200.0, 0.5),
                (100.2, 0.2),
                (100.0, 0.5),
                (90.0, 0.5),
            ):
                self.assertAlmostEqual(pause, command._pause(0.5, due))


class CommandTest(testtools.TestCase):
    """The command, with a cloud and hosts that are not there."""

    def setUp(self):
        super().setUp()
        self.app = mock.Mock(stdout=io.StringIO(), stderr=io.StringIO())
        self.conf = self.replace('CONF')
        self.conf.migration_feature_enabled.starlingx_settings = False
        self.conf.migration_feature_enabled.starlingx_nova = False
        self.replace('api.admin')
        self.cloud = self.replace('starlingx.Cloud').return_value
        self.compute = mock.Mock()
        self.replace('inventory.computes').return_value = {'two': self.compute}

    def replace(self, name):
        return self.useFixture(
            fixtures.MockPatch(f'{command.__name__}.{name}')
        ).mock

    def run_it(self, *words):
        policy = command.Policy(self.app, None)
        return policy.run(policy.get_parser('policy').parse_args(list(words)))

    def refused(self, *words):
        """What is said, in one line, with status 1."""
        error = self.assertRaises(SystemExit, self.run_it, *words)
        # A text that ends a program is printed, and its status is 1.
        self.assertIsInstance(error.code, str)
        self.assertEqual(1, len(error.code.splitlines()))
        return error.code


class TestShow(CommandTest):
    def setUp(self):
        super().setUp()
        self.cloud.host.return_value = 'two'
        self.cloud.sources.return_value = settings.Sources(
            metadata={settings.AUTO_CONVERGE: 'off'}
        )
        options = {
            'live_migration_downtime': '450',
            'live_migration_completion_timeout': '30',
        }
        self.compute.nova_conf.get.side_effect = lambda section, option: (
            options.get(option)
        )

    def shown(self, *words):
        self.assertEqual(0, self.run_it('--show', SERVER, *words))
        return self.app.stdout.getvalue().splitlines()

    def test_by_the_policy(self):
        self.assertEqual(
            [
                'auto-converge     off     metadata',
                (
                    "tunnelling        off     Nova's default "
                    '(live_migration_tunnelled)'
                ),
                (
                    "maximum downtime  120 ms  the policy's default "
                    '(--max-downtime)'
                ),
                "time-out          none    the policy's default (--timeout)",
            ],
            self.shown('--max-downtime', '120', '--timeout', '0'),
        )
        self.cloud.sources.assert_called_once_with(SERVER)
        self.cloud.migrations.assert_not_called()
        self.compute.close.assert_called_once_with()

    def test_by_the_computes(self):
        self.conf.migration_feature_enabled.starlingx_settings = True
        for starlingx_nova, timeout in (
            (False, '30 s per GiB'),
            (True, '30 s'),
        ):
            self.conf.migration_feature_enabled.starlingx_nova = starlingx_nova
            lines = self.shown()
            self.assertEqual(
                ['time-out', timeout, 'nova.conf'],
                [word.strip() for word in lines[-1].split('  ') if word],
            )

    def test_host_that_nobody_describes(self):
        self.cloud.host.return_value = 'three'
        self.assertEqual(
            'nobody would heed: auto-converge off (three is not among '
            '[migration-hosts] computes)',
            self.shown()[-1],
        )
        self.compute.nova_conf.get.assert_not_called()

    def test_no_such_server(self):
        self.cloud.host.side_effect = exceptions.CloudError('there\nis none')
        self.assertEqual('there is none', self.refused('--show', SERVER))

    def test_credentials_that_are_refused(self):
        command.api.admin.side_effect = lib_exc.Unauthorized('who?')
        said = self.refused('--show', SERVER)
        self.assertIn('tempest.conf, [auth] admin_*: Unauthorized', said)
        self.assertIn('who?', said)

    def test_nobody_answers(self):
        command.api.admin.side_effect = OSError('no route')
        self.assertIn('no route', self.refused('--show', SERVER))


class TestHolding(CommandTest):
    def setUp(self):
        super().setUp()
        for number in (signal.SIGINT, signal.SIGTERM):
            self.addCleanup(signal.signal, number, signal.getsignal(number))

    def test_what_is_held_is_put_back_before_the_connection_ends(self):
        done = mock.Mock()
        controller = self.replace('policy.Controller')
        controller.return_value.next_due = None
        controller.return_value.close = done.put_back
        controller.return_value.step = lambda: signal.raise_signal(
            signal.SIGTERM
        )
        self.compute.close = done.close
        self.assertEqual(0, self.run_it())
        self.assertEqual(
            [mock.call.put_back(), mock.call.close()], done.mock_calls
        )
        self.assertIn(command.STARTED, self.app.stdout.getvalue())

    def test_put_back_where_it_breaks(self):
        controller = self.replace('policy.Controller')
        controller.return_value.step.side_effect = ZeroDivisionError
        self.assertRaises(ZeroDivisionError, self.run_it)
        controller.return_value.close.assert_called_once_with()
