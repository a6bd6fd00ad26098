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
"""What the commands have in common."""

import argparse
import gc
import io
import os
import pathlib
from unittest import mock

import fixtures
import testtools

from migration_tempest_plugin.cmd import base
from migration_tempest_plugin import exceptions


class TestCollectSeldom(testtools.TestCase):
    def test_less_often_than_before(self):
        before = gc.get_threshold()
        self.addCleanup(gc.set_threshold, *before)
        base.collect_seldom()
        self.assertTrue(
            all(now > was for now, was in zip(gc.get_threshold(), before)),
            gc.get_threshold(),
        )


class TestNumbers(testtools.TestCase):
    def refused(self, function, text):
        error = self.assertRaises(argparse.ArgumentTypeError, function, text)
        self.assertIn(repr(text), str(error))

    def test_positive(self):
        self.assertEqual(0.25, base.positive('0.25'))
        for text in ('0', '-1', 'often', 'nan', 'inf', ''):
            self.refused(base.positive, text)

    def test_not_negative(self):
        self.assertEqual(0.0, base.not_negative('0'))
        for text in ('-1', 'often', 'nan', 'inf', ''):
            self.refused(base.not_negative, text)


class TestView(testtools.TestCase):
    def parsed(self, *argv):
        parser = argparse.ArgumentParser()
        base.add_view(parser)
        return parser.parse_args(argv)

    def test_none(self):
        self.assertIsNone(base.view(self.parsed()))
        self.assertIsNone(base.view(self.parsed('--accept-unchecked-limits')))

    def test_what_is_named(self):
        view = base.view(
            self.parsed(
                '--to', '2026-11-28 10:00', '--allowed-guest-stop', '0.3'
            )
        )
        self.assertEqual('to 2026-11-28 10:00', str(view.window))
        [limit] = view.limits
        self.assertEqual(
            ('guest', '--allowed-guest-stop', 0.3),
            (limit.what, limit.option, limit.seconds),
        )

    def test_what_is_no_time(self):
        for text in 'noon', '0001-01-01', '24:00':
            with mock.patch('sys.stderr', io.StringIO()) as said:
                error = self.assertRaises(
                    SystemExit, self.parsed, '--from', text
                )
            self.assertEqual(2, error.code)
            self.assertIn(
                f'\'{text}\' is no time: "10:00:01.5"', said.getvalue()
            )


class TestCommand(testtools.TestCase):
    def test_what_can_not_be_done(self):
        class Failing(base.Command):
            def take_action(self, parsed_args):
                raise exceptions.RecordError('no such run')

        app = mock.Mock(stderr=io.StringIO())
        command = Failing(app, None)
        self.assertEqual(
            base.CANT, command.run(command.get_parser('x').parse_args([]))
        )
        self.assertEqual('no such run\n', app.stderr.getvalue())

    def test_interrupted(self):
        class Waiting(base.Command):
            def take_action(self, parsed_args):
                raise KeyboardInterrupt()

        app = mock.Mock(stderr=io.StringIO())
        command = Waiting(app, None)
        self.assertEqual(
            130, command.run(command.get_parser('x').parse_args([]))
        )
        self.assertEqual('interrupted\n', app.stderr.getvalue())


class TestWrite(testtools.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(self.useFixture(fixtures.TempDir()).path)

    def test_as_a_whole(self):
        path = self.folder / 'new' / 'it'
        for text in ('a long text', 'short'):
            base.write(path, text)
            self.assertEqual(text, path.read_text())
        self.assertEqual([path], list(path.parent.iterdir()))
        mask = os.umask(0)
        os.umask(mask)
        self.assertEqual(0o666 & ~mask, path.stat().st_mode & 0o777)

    def test_it_can_not_be(self):
        (self.folder / 'file').touch()
        error = self.assertRaises(
            exceptions.RecordError,
            base.write,
            self.folder / 'file' / 'it',
            'text',
        )
        self.assertIn("can't be written", str(error))
        (self.folder / 'it').mkdir()
        self.assertRaises(
            exceptions.RecordError, base.write, self.folder / 'it', 'text'
        )
        self.assertEqual(
            ['file', 'it'], sorted(each.name for each in self.folder.iterdir())
        )
