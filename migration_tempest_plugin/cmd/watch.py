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
"""``tempest downtime watch``: measures whatever is done meanwhile."""

import argparse
import contextlib
import dataclasses
import pathlib
import signal
import threading
import time

from migration_tempest_plugin.cloud import nova
from migration_tempest_plugin.cloud import server
from migration_tempest_plugin.cmd import base
from migration_tempest_plugin.cmd import guest
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.measurement import cut_off
from migration_tempest_plugin.meters import service
from migration_tempest_plugin.recording import writer
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import text
from migration_tempest_plugin.running import machine
from migration_tempest_plugin.watch import control
from migration_tempest_plugin.watch import display
from migration_tempest_plugin.watch import events as jsonlines
from migration_tempest_plugin.watch import exporter
from migration_tempest_plugin.watch import marks
from migration_tempest_plugin.watch import program
from migration_tempest_plugin.watch import servers
from migration_tempest_plugin.watch import session
from migration_tempest_plugin.watch import target

#: What is said, and of what, when all have answered.
STARTED = 'watching'

#: Exit statuses, besides base.CANT.
KEPT, EXCEEDED, COMMAND_FAILED = 0, base.EXCEEDED, 3

#: With which options a watch measures what limits are for.
_NEEDED = {
    'guest': ('ssh',),
    'tcp': ('ssh',),
    'metadata': ('ssh', 'metadata'),
}

#: And for which targets.
_TARGETS = {
    'network': 'ADDRESS',
    'connect': 'HOST:PORT',
    'http': 'https://HOST/',
    'kept': 'https://HOST/ with --kept',
    'dns': 'NAME@SERVER',
}

#: Seconds between two looks.
LOOK = 0.25


class Watch(base.Command):
    """Measure outages of servers while something is done to them.

    Each TARGET that is an address is pinged. A service is asked: HOST:PORT
    for a connection, a URL for its page, NAME@SERVER for the name's address.
    Of each --ssh, the guest's own clock is asked for,
    too, which shows its stops. What COMMAND prints, and what happens, appears
    on standard error; the summary, at the end, on standard output. It ends
    with COMMAND, or on Ctrl-C. No tempest.conf is needed.

    It exits with 0 if all that is allowed on the line was kept, with 1 if not
    or if something could not be measured to its end, with 2 if it could not
    begin, and with 3 if nothing but COMMAND failed.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.usage = f'{prog_name} [options] TARGET... [-- COMMAND...]'
        parser.add_argument(
            'targets',
            nargs='*',
            metavar='TARGET',
            help='address or name of a server; or a service: '
            f'{target.SERVICES}',
        )
        parser.add_argument(
            '--targets',
            action='append',
            default=[],
            dest='files',
            type=pathlib.Path,
            metavar='FILE',
            help='a file with one more TARGET on each line; what follows a # '
            'is left out; may be given several times',
        )
        parser.add_argument(
            '--ssh',
            action='append',
            default=[],
            metavar=guest.METAVAR,
            type=guest.guest,
            help='also ask this guest for its clock; may '
            'be given several times',
        )
        guest.add_access(parser, '--ssh')
        parser.add_argument(
            '--metadata',
            action='store_true',
            help='have the guests of --ssh ask for their metadata, too',
        )
        _add_servers(parser)
        parser.add_argument(
            '--control',
            default='gateway',
            metavar='ADDRESS',
            help='what should always answer: while it does not, this machine '
            'itself is cut off, and what fails then is unobserved; none for '
            'nothing (the default gateway)',
        )
        parser.add_argument(
            '--interval',
            type=base.positive,
            default=0.05,
            metavar='SECONDS',
            help='from ping to ping (%(default)s)',
        )
        parser.add_argument(
            '--deadline',
            type=base.positive,
            default=0.5,
            metavar='SECONDS',
            help='within which a ping must be answered (%(default)s)',
        )
        _add_services(parser)
        parser.add_argument(
            '--settle',
            type=base.not_negative,
            default=5.0,
            metavar='SECONDS',
            help='how long to go on when COMMAND has ended (%(default)s)',
        )
        parser.add_argument(
            '--recovery',
            type=base.not_negative,
            default=60.0,
            metavar='SECONDS',
            help='how long to wait then for what is down (%(default)s)',
        )
        base.add_limits(parser)
        parser.add_argument(
            '--json-lines',
            action='store_true',
            help='on standard output, a line of JSON for each thing that '
            'happens, when it does, and no summary at the end',
        )
        parser.add_argument(
            '--listen',
            type=_place,
            metavar='ADDRESS:PORT',
            help='offer what is seen to Prometheus there, meanwhile: '
            '127.0.0.1:9469, say',
        )
        parser.add_argument(
            '--name',
            default='watch',
            help='what it is, for reports and comparisons (%(default)s)',
        )
        parser.add_argument(
            '--output',
            type=pathlib.Path,
            metavar='FILE',
            help='the JSON for tempest downtime report and compare '
            '(downtime-watch-DATE-TIME.json)',
        )
        # Here, since argparse would take options of COMMAND for its own.
        parser.parse_args = lambda argv: _split(
            parser.parse_intermixed_args, argv
        )
        return parser

    def take_action(self, parsed_args):
        found = _servers(parsed_args)
        targets = list(
            dict.fromkeys(
                [
                    *parsed_args.targets,
                    *_listed(parsed_args.files),
                    *(host for _, host, _ in parsed_args.ssh),
                    *found.addresses,
                ]
            )
        )
        if not targets:
            raise exceptions.RecordError(
                'there is nothing to watch: name a '
                'TARGET, a file of them with --targets, a guest with --ssh, '
                'or a --server'
            )
        output = parsed_args.output or pathlib.Path(
            time.strftime('downtime-watch-%Y%m%d-%H%M%S.json')
        )
        for each in (output, _samples(output)):
            if each.exists():
                raise exceptions.RecordError(
                    f'{each} exists already: name another --output'
                )
        limits = base.limits(parsed_args)
        services = _services(parsed_args, targets)
        _refuse_unmeasured(parsed_args, targets, services, limits)
        events = (
            jsonlines.Events(self.app.stdout)
            if parsed_args.json_lines
            else None
        )
        over = _Over()
        with over.on_signals():
            with contextlib.ExitStack() as stack:
                stack.enter_context(found)
                following = self._begin(
                    parsed_args,
                    targets,
                    services,
                    output,
                    stack,
                    over,
                    events,
                )
                following.follow(found, events)
                over.begin()
                with following.shown.shown():
                    began, status = _follow(parsed_args, following)
                measured = following.measured(began, limits)
            return self._conclude(
                parsed_args, output, measured, limits, status, events
            )

    def _begin(
        self, parsed_args, targets, services, output, stack, over, events
    ):
        """Begin to watch, and say so: a _Following, as long as the stack."""
        shown = display.Display(self.app.stderr)
        hosts = _hosts(parsed_args)
        for host in hosts.values():
            stack.callback(host.close)
        plan = session.Plan(
            tuple(targets),
            hosts,
            _control(parsed_args, targets),
            parsed_args.metadata,
            parsed_args.interval,
            parsed_args.deadline,
            services=services,
            service_interval=parsed_args.service_interval,
            service_deadline=parsed_args.service_deadline,
            kept=parsed_args.kept,
        )
        file = stack.enter_context(_recording(_samples(output), shown.say))
        with _gone_on_failure(file):
            offered = parsed_args.listen and stack.enter_context(
                exporter.Exporter(*parsed_args.listen, parsed_args.name)
            )
            watched = session.Session(plan, file)
            marked = stack.enter_context(
                marks.Marks(
                    marks.beside(output),
                    file.mark,
                    watched.mark,
                    *([events.mark] if events else []),
                )
            )
            stack.enter_context(watched)
        shown.say(f'{STARTED} {", ".join(targets)}')
        for loaded, load in watched.under_load():
            shown.say(f'{loaded}: {load.room}')
        if watched.control and watched.control.why:
            shown.say(
                'not known when this machine itself is cut off: '
                f'{watched.control.why} (--control)'
            )
        if offered:
            shown.say('offered to Prometheus at ' + offered.url)
        if events:
            events.begin(targets)
        return _Following(
            watched,
            marked,
            shown,
            over,
            [each for each in (events, offered) if each],
        )

    def _conclude(self, parsed_args, output, measured, limits, status, events):
        wrong = [
            complaint
            for each in measured.migrations
            for complaint in each.complaints(limits)
        ]
        test = recorded.RecordedTest(
            'watch: ' + parsed_args.name
            if parsed_args.name != 'watch'
            else 'watch',
            'fail' if wrong else 'success',
            tuple(each.to_dict() for each in measured.migrations),
            reason='\n'.join(wrong),
        )
        run = recorded.Run((test,), _facts(parsed_args, limits, measured))
        try:
            base.write(output, run.to_json())
        finally:
            if events:
                events.end(output, wrong)
            else:
                self.app.stdout.write(text.summary(run.tests) + '\n')
        if measured.cut_off:
            self.say(
                'this machine itself was cut off, so that what failed then is '
                f'unobserved: {measured.cut_off}'
            )
        if (
            any(each.unchecked(limits) for each in measured.migrations)
            and not parsed_args.accept_unchecked_limits
        ):
            self.say(
                "--accept-unchecked-limits lets pass what can't be checked"
            )
        self.say(f'recorded in {output}, each probe in {_samples(output)}')
        if status:
            name = pathlib.Path(parsed_args.command[0]).name
            self.say(f'{name} ended with {status}')
        return EXCEEDED if wrong else COMMAND_FAILED if status else KEPT


@dataclasses.dataclass(frozen=True)
class _Measured:
    """What came of it.

    :ivar migrations: a MeasuredMigration of each target
    :ivar cut_off: when this machine itself was cut off, for people; or ''
    """

    migrations: list
    cut_off: str


class _Over:
    """Whether it is to end: by a signal.

    Before anything is measured, a signal ends the command. From then on, it
    ends the watching, and any further one is in vain: what was measured is
    written down.
    """

    def __init__(self):
        self._event = threading.Event()
        self._measuring = False
        self.wait = self._event.wait
        self.is_set = self._event.is_set

    def _tell(self, *_):
        if not self._measuring:
            raise KeyboardInterrupt
        self._event.set()

    def begin(self):
        """From here on, there is something to be written down."""
        self._measuring = True

    @contextlib.contextmanager
    def on_signals(self):
        # Under nohup it is to go on when the terminal is closed.
        numbers = [
            signal.SIGINT,
            signal.SIGTERM,
            *(
                [signal.SIGHUP]
                if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN
                else []
            ),
        ]
        before = {
            number: signal.signal(number, self._tell) for number in numbers
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _control(parsed_args, targets):
    """The address of --control, or None."""
    named = parsed_args.control
    if named == 'gateway':
        named = control.gateway()
    return None if named == 'none' or named in targets else named


def _place(text):
    """An argument's ADDRESS:PORT."""
    address, colon, port = text.rpartition(':')
    if address.startswith('[') and address.endswith(']'):
        address = address[1:-1]
    elif ':' in address:
        address = ''
    if not (address and colon and port.isdecimal() and int(port) < 1 << 16):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no ADDRESS:PORT: 127.0.0.1:9469 is one, and '
            '[::1]:9469'
        )
    return address, int(port)


def _listed(files):
    """Each TARGET in some files, in turn.

    :raises RecordError: if a file can't be read, or a line has no one target
    """
    for path in files:
        try:
            lines = path.read_text(encoding='utf-8-sig').splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise exceptions.RecordError(
                f"{path} can't be read: "
                + (getattr(error, 'strerror', None) or 'it is no text')
            ) from error
        for number, line in enumerate(lines, 1):
            words = line.partition('#')[0].split()
            if len(words) > 1 or words and words[0].startswith('-'):
                raise exceptions.RecordError(
                    f'{path}, line {number}: {line.strip()!r} is no target'
                )
            yield from words


def _add_services(parser):
    group = parser.add_argument_group('services')
    group.add_argument(
        '--service-interval',
        type=_seconds(service.LEAST_INTERVAL),
        default=0.25,
        metavar='SECONDS',
        help='from one question to a service to the next (%(default)s)',
    )
    group.add_argument(
        '--service-deadline',
        type=_seconds(service.LEAST_DEADLINE),
        default=2.0,
        metavar='SECONDS',
        help='within which it must be answered (%(default)s)',
    )
    group.add_argument(
        '--kept',
        action='store_true',
        help='also ask each URL over one connection, which is kept',
    )
    group.add_argument(
        '--http-status',
        type=_statuses,
        default=target.Pages.statuses,
        metavar='STATUS',
        help='which answers of HTTP are good: 200,300-399, say (200-399)',
    )
    group.add_argument(
        '--insecure',
        action='store_true',
        help='accept any certificate of an https target',
    )


def _seconds(least):
    """The type of an argument of so many seconds at least."""

    def seconds(text):
        number = base.positive(text)
        if not least <= number <= service.MOST:
            raise argparse.ArgumentTypeError(
                f'{text!r} is not from {least:g} to {service.MOST:g}'
            )
        return number

    return seconds


def _statuses(text):
    try:
        return target.statuses(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _services(parsed_args, targets):
    """What is asked of each target that is a service."""
    pages = target.Pages(parsed_args.http_status, not parsed_args.insecure)
    found = {each: target.parse(each, pages) for each in targets}
    return {each: asked for each, asked in found.items() if asked}


def _refuse_unmeasured(parsed_args, targets, services, limits):
    """A limit of what is not measured would seem to be kept."""
    measured = {each.what for each in services.values()}
    if len(services) < len(targets):
        measured.add('network')
    if 'http' in measured and parsed_args.kept:
        measured.add('kept')
    for limit in limits:
        if limit.what in _TARGETS:
            if limit.what not in measured:
                raise exceptions.RecordError(
                    f"{limit.option} can't be checked: name a target like "
                    f'{_TARGETS[limit.what]}, too'
                )
            continue
        needed = [
            option
            for option in _NEEDED.get(limit.what, ())
            if not getattr(parsed_args, option)
        ]
        if needed or limit.what not in _NEEDED:
            how = ' and '.join('--' + option for option in needed)
            raise exceptions.RecordError(
                f"{limit.option} can't be checked: "
                + (
                    f'name {how}, too'
                    if how
                    else 'a watch does not measure it'
                )
            )


def _samples(output):
    """The file of samples that stands beside the JSON."""
    return output.with_name(output.name.removesuffix('.json') + '.samples.gz')


def _recording(path, say):
    try:
        return writer.Writer(path, say)
    except OSError as error:
        raise exceptions.RecordError(
            f"{path} can't be written: {error.strerror}"
        ) from error


@contextlib.contextmanager
def _gone_on_failure(file):
    """What never began leaves no file behind."""
    try:
        yield
    except BaseException:
        file.path.unlink(missing_ok=True)
        raise


class _Following:
    """Looks at what is watched, again and again, and shows what happens.

    :param others: what takes it in, too: Events, an Exporter
    """

    def __init__(self, watched, marked, shown, over, others=()):
        self.watched = watched
        self.marked = marked
        self.shown = shown
        self.over = over
        self._others = others
        self.servers = servers.Servers(None, ())
        self._events = None

    def follow(self, followed, events):
        """Show what is new of servers, too.

        :param followed: the Servers
        :param events: the Events that get it, or None
        """
        self.servers = followed
        self._events = events
        self._tell_servers()
        if hidden := followed.hidden():
            self.shown.say(hidden)

    def until(self, is_over, doing):
        """Look until something is so, or until it is asked to end.

        :param doing: what goes on, for people
        """
        while True:
            self.take_marks()
            for outage in self.watched.cut_off():
                self.shown.say(
                    f'{session.wall(outage.start)}  this machine itself was '
                    f'cut off for {outage.duration}: '
                    f'{self.watched.control.address} did not answer'
                )
            self.take_servers()
            states, ended = self.watched.look()
            self.shown.update(states, ended, doing, self.servers.now())
            for each in self._others:
                each.update(states, ended)
            if self.over.is_set() or is_over():
                return
            self.over.wait(LOOK)

    def take_marks(self):
        """Show what was said since then."""
        for mark in self.marked.look():
            self.shown.say(f'{session.wall(mark.moment)}  {mark.text}')

    def take_servers(self):
        """Show what is new of servers, and mark it."""
        for news in self._tell_servers():
            self.marked.add(news.text, news.moment)

    def _tell_servers(self):
        news = self.servers.look()
        for each in news:
            self.shown.say(f'{session.wall(each.moment)}  {each.text}')
            if self._events:
                self._events.server(each)
        return news

    def measured(self, began, limits):
        """What was _Measured since a moment."""
        self.servers.end()
        self.take_servers()
        self.take_marks()
        gaps = self.watched.gaps()
        measured = self.watched.measured(began, self.marked.all, limits, gaps)
        return _Measured(
            [self.servers.join(each) for each in measured],
            cut_off.text(gaps, session.wall),
        )


def _follow(parsed_args, following):
    """Watch until COMMAND has ended, or until it is asked to end.

    :returns: the moment from which times count, and the exit status of
        COMMAND (0 if there is none)
    """
    began = time.monotonic()
    if not parsed_args.command:
        following.until(lambda: False, 'watching')
        return began, 0
    command = program.Program(parsed_args.command, following.shown.say)
    runs = command.name + ' runs'
    following.marked.add(runs, began)
    try:
        following.until(lambda: command.status is not None, runs)
    finally:
        command.end()
    ended = time.monotonic()
    following.marked.add(f'{command.name} ended with {command.status}', ended)
    _settle(parsed_args, ended, following)
    return began, command.status


def _settle(parsed_args, ended, following):
    """What COMMAND began may go on, or may not be back yet."""
    ended = _await_migrations(parsed_args, ended, following)
    # What is down is known when a probe's deadline is over.
    deadline = following.watched.plan.longest_deadline
    settled = ended + max(parsed_args.settle, deadline + 2 * LOOK)
    following.until(lambda: time.monotonic() > settled, 'COMMAND has ended')
    give_up = time.monotonic() + parsed_args.recovery
    if following.watched.is_down():
        following.until(
            lambda: (
                time.monotonic() > give_up or not following.watched.is_down()
            ),
            'waiting for what is down',
        )


def _await_migrations(parsed_args, ended, following):
    """Wait until nothing is done to the servers; returns when that was so.

    An API that does not answer is waited for as what is down is.
    """
    followed = following.servers
    if not followed.addresses:
        return ended
    following.until(
        lambda: (
            followed.is_at_rest(ended)
            or followed.unknown_for() > parsed_args.recovery
        ),
        'COMMAND has ended, waiting for its migrations',
    )
    return time.monotonic()


def _servers(parsed_args):
    """The Servers of --server."""
    if not parsed_args.server:
        return servers.Servers(None, ())
    api = nova.connect(parsed_args.os_cloud)
    return servers.Servers(
        api,
        [
            server.find(api, each, parsed_args.server_network)
            for each in dict.fromkeys(parsed_args.server)
        ],
    )


def _add_servers(parser):
    parser.add_argument(
        '--server',
        action='append',
        default=[],
        metavar='ID|NAME',
        help="a server of OpenStack: its address is a TARGET, and Nova's API "
        'is asked what happens to it; may be given several times',
    )
    parser.add_argument(
        '--os-cloud',
        metavar='NAME',
        help='the cloud of --server, in clouds.yaml (OS_CLOUD)',
    )
    parser.add_argument(
        '--server-network',
        metavar='NAME',
        help='the network that the address of each --server is to be of (a '
        'floating address first, then a fixed one, of any network)',
    )


def _hosts(parsed_args):
    """Each guest of --ssh, by its address."""
    return {
        host: guest.host(parsed_args, user, host, port)
        for user, host, port in parsed_args.ssh
    }


def _facts(parsed_args, limits, measured):
    cut = {'cut_off': measured.cut_off} if measured.cut_off else {}
    return {
        'run': {
            'watched': parsed_args.name,
            **cut,
            'ended': time.strftime('%Y-%m-%d %H:%M:%S %z'),
            **machine.facts(),
        },
        'options': {
            'interval': parsed_args.interval,
            'deadline': parsed_args.deadline,
            'service_interval': parsed_args.service_interval,
            'service_deadline': parsed_args.service_deadline,
        },
        'limits': {limit.option: limit.seconds for limit in limits},
    }


def _split(parse_args, argv):
    """Parse what stands in front of COMMAND."""
    place = argv.index('--') if '--' in argv else len(argv)
    parsed_args = parse_args(argv[:place])
    parsed_args.command = argv[place + 1 :]
    return parsed_args
