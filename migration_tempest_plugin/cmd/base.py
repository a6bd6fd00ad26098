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

import gc
import logging
import math
import os
import pathlib
import tempfile
import time

import argparse

from cliff import command

from migration_tempest_plugin import config
from migration_tempest_plugin import exceptions
from migration_tempest_plugin import measurement
from migration_tempest_plugin.recording import window
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import sampled
from migration_tempest_plugin.report import source

#: Exit status where something can't be done, or is asked for in a wrong way.
CANT = 2

#: Exit status where a limit was not kept.
EXCEEDED = 1

#: Seconds from one word on how far something is to the next.
PAUSE = 5.0

#: What shells make of a SIGINT.
INTERRUPTED = 130


class Command(command.Command):
    """Says in one line what can't be done, and exits with 2 then."""

    def run(self, parsed_args):
        # It logs each connection.
        logging.getLogger('paramiko').setLevel(logging.WARNING)
        try:
            return super().run(parsed_args)
        except exceptions.MigrationTestError as error:
            self.say(str(error))
            return CANT
        except KeyboardInterrupt:
            self.say('interrupted')
            return INTERRUPTED

    def say(self, line):
        """A line for whoever watches; results go to standard output."""
        self.app.stderr.write(line + '\n')
        self.app.stderr.flush()


def collect_seldom():
    """Have Python look for cycles of objects less often, in this process.

    Samples are in none, and come by the thousand: to look at each of them
    took an eighth of the time of a thousand targets.
    """
    gc.set_threshold(50_000, 50, 100)


def add_subunit(parser):
    """Let a command's user name another run than the last one here."""
    parser.add_argument(
        '--subunit',
        metavar='FILE',
        help='a subunit stream to read instead (or JSON, a file of samples, '
        'or a workspace); - for standard input',
    )


def add_limits(parser):
    """Let a command's user name limits; see limits()."""
    for option in config.LIMIT_OPTIONS:
        parser.add_argument(
            '--' + option.replace('_', '-'),
            type=not_negative,
            metavar='SECONDS',
            dest=option,
            help=f'limit, as [migration] {option}',
        )
    for what, option, _ in config.WATCH_LIMITS:
        parser.add_argument(
            '--' + option.replace('_', '-'),
            type=not_negative,
            metavar='SECONDS',
            dest=option,
            help=f'limit of what each target that is watched by {what} may '
            'be down in sum',
        )
    parser.add_argument(
        '--accept-unchecked-limits',
        action='store_true',
        help='a limit that is finer than the resolution, so that it '
        "can't be checked, is named and no reason to fail",
    )


def limits(parsed_args):
    """The Limits that were named."""
    kinds = [
        *(
            (measurement.Limit, *each)
            for each in (*config.LIMITS, *config.WATCH_LIMITS)
        ),
        *(
            (measurement.RoundTripLimit, *each, False)
            for each in config.ROUND_TRIP_LIMITS
        ),
    ]
    return tuple(
        kind(
            what,
            '--' + option.replace('_', '-'),
            getattr(parsed_args, option),
            longest,
            not parsed_args.accept_unchecked_limits,
        )
        for kind, what, option, longest in kinds
        if getattr(parsed_args, option) is not None
    )


def add_view(parser):
    """Let a command's user look at a part of a file of samples; see view()."""
    group = parser.add_argument_group(
        'a file of samples (NAME.samples.gz)',
        'What a watch has recorded can be looked at in part, and with limits '
        f'of today. TIME is {window.FORMS}.',
    )
    group.add_argument(
        '--from',
        dest='begin',
        type=_moment,
        metavar='TIME',
        help='leave out what was before it',
    )
    group.add_argument(
        '--to',
        dest='end',
        type=_moment,
        metavar='TIME',
        help='leave out what came after it',
    )
    add_limits(group)


def add_window(parser, side):
    """The same of one side of a comparison; see view_of()."""
    for name, what in (
        ('from', 'leave out what was before it'),
        ('to', 'leave out what came after it'),
    ):
        parser.add_argument(
            f'--{side}-{name}',
            type=_moment,
            metavar='TIME',
            help=f'of {side.upper()}, a file of samples, {what}',
        )


def view_of(parsed_args, side):
    """The View that was named for one side, or None."""
    begin, end = (
        getattr(parsed_args, f'{side}_{name}') for name in ('from', 'to')
    )
    if begin is None and end is None:
        return None
    return sampled.View(window.Window(begin, end))


def view(parsed_args):
    """The View that was named, or None."""
    named = sampled.View(
        window.Window(parsed_args.begin, parsed_args.end), limits(parsed_args)
    )
    return None if named == sampled.View() else named


def status(parsed_args, run):
    """The exit status: whether limits that were named were kept."""
    failed = any(test.status == 'fail' for test in run.tests)
    return EXCEEDED if failed and limits(parsed_args) else 0


def _moment(text):
    try:
        return window.moment(text)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no time: {window.FORMS}'
        ) from error


def run_of(command, parsed_args):
    """The Run that the options name: see read()."""
    return read(command, [parsed_args.subunit], view(parsed_args))


def read(command, paths, view):
    """What several paths have, as one Run.

    What of it can't be read is said, and how far it is, while it takes long.

    :param view: a View, or None: see source.run()
    """
    run = recorded.Run.of(
        source.run(path, view, _telling(command, path)) for path in paths
    )
    for problem in run.problems:
        command.say('NOT READ: ' + problem)
    return run


def _telling(command, path):
    """Says now and then which part of a path was read."""
    told = time.monotonic()

    def tell(part):
        nonlocal told
        if time.monotonic() - told > PAUSE:
            told = time.monotonic()
            command.say(f'{source.name(path)}: {part:.0%} is read')

    return tell


def write(path, text):
    """Write a file as a whole, in place of an older one.

    :raises RecordError: if it can't be
    """
    path = pathlib.Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, unfinished = tempfile.mkstemp(
            dir=path.parent, prefix='.' + path.name
        )
        try:
            with open(handle, 'w', encoding='utf-8') as file:
                file.write(text)
            # as open() would have made it, not for its owner alone
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(unfinished, 0o666 & ~mask)
            os.replace(unfinished, path)
        except BaseException:
            os.unlink(unfinished)
            raise
    except OSError as error:
        raise exceptions.RecordError(
            f"{path} can't be written: {error.strerror}"
        ) from error


def positive(text):
    """An argument's number of seconds, above 0."""
    return _number(text, lambda number: number > 0, 'above 0')


def not_negative(text):
    """An argument's number of seconds, 0 or more."""
    return _number(text, lambda number: number >= 0, '0 or above')


def _number(text, is_good, kind):
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isfinite(number) and is_good(number):
        return number
    raise argparse.ArgumentTypeError(f'{text!r} is no number {kind}')
