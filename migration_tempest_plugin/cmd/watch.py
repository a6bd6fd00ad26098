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

import contextlib
import pathlib
import time

from migration_tempest_plugin.cmd import base
from migration_tempest_plugin.cmd import watch_options
from migration_tempest_plugin import exceptions
from migration_tempest_plugin.recording import writer
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import text
from migration_tempest_plugin.report import watched
from migration_tempest_plugin.running import machine
from migration_tempest_plugin.watch import display
from migration_tempest_plugin.watch import events as jsonlines
from migration_tempest_plugin.watch import exporter
from migration_tempest_plugin.watch import looking
from migration_tempest_plugin.watch import marks
from migration_tempest_plugin.watch import over
from migration_tempest_plugin.watch import session

#: What is said, and of what, when all have answered.
STARTED = 'watching'

#: Exit statuses, besides base.CANT.
KEPT, EXCEEDED, COMMAND_FAILED = 0, base.EXCEEDED, 3


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
        watch_options.add(parser)
        return parser

    def take_action(self, parsed_args):
        base.collect_seldom()
        followed = watch_options.named_servers(parsed_args)
        plan = watch_options.plan(parsed_args, followed.addresses)
        limits = watch_options.limits(parsed_args, plan)
        output = _output(parsed_args)
        events = (
            jsonlines.Events(self.app.stdout)
            if parsed_args.json_lines
            else None
        )
        ending = over.Over()
        with ending.on_signals():
            with contextlib.ExitStack() as stack:
                stack.enter_context(followed)
                shown = display.Display(self.app.stderr)
                watching, marked, offered = self._begin(
                    parsed_args, plan, output, stack, shown, events
                )
                followed.record(watching.record_migrations)
                looks = looking.Looking(
                    watching, followed, marked, shown, ending, events, offered
                )
                ending.begin()
                with shown.shown():
                    began, status = looks.watch(
                        parsed_args.command,
                        looking.Patience(
                            parsed_args.settle, parsed_args.recovery
                        ),
                    )
                measured = looks.measured(began, limits)
            return self._conclude(
                parsed_args, output, measured, limits, status, events
            )

    def _begin(self, parsed_args, plan, output, stack, shown, events):
        """Begin to watch, and say so.

        :returns: the Session, its Marks, and the Exporter or None; they end
            with the stack
        """
        for host in plan.guests.values():
            stack.callback(host.close)
        file = stack.enter_context(_recording(_samples(output), shown.say))
        with _gone_on_failure(file):
            offered = parsed_args.listen and stack.enter_context(
                exporter.Exporter(*parsed_args.listen, parsed_args.name)
            )
            watching = session.Session(plan, file)
            if offered:
                offered.offer(watching.answers)
            marked = stack.enter_context(
                marks.Marks(
                    marks.beside(output),
                    file.mark,
                    watching.mark,
                    *([events.mark] if events else []),
                )
            )
            stack.enter_context(watching)
        for line in _begun(watching, offered):
            shown.say(line)
        if events:
            events.begin(list(plan.targets))
        return watching, marked, offered

    def _conclude(self, parsed_args, output, measured, limits, status, events):
        wrong = watched.complaints(measured.migrations, limits)
        test = watched.test(parsed_args.name, measured.migrations, wrong)
        run = recorded.Run((test,), _facts(parsed_args, limits, measured))
        try:
            base.write(output, run.to_json())
        finally:
            if events:
                events.end(output, wrong)
            else:
                self.app.stdout.write(text.summary(run.tests) + '\n')
        for line in _concluded(parsed_args, output, measured, limits, status):
            self.say(line)
        return EXCEEDED if wrong else COMMAND_FAILED if status else KEPT


def _output(parsed_args):
    """Where the record goes.

    :raises RecordError: if there is one already
    """
    output = parsed_args.output or pathlib.Path(
        time.strftime('downtime-watch-%Y%m%d-%H%M%S.json')
    )
    for each in (output, _samples(output)):
        if each.exists():
            raise exceptions.RecordError(
                f'{each} exists already: name another --output'
            )
    return output


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


def _begun(watching, offered):
    """What is said when all have answered, line by line."""
    yield f'{STARTED} {", ".join(watching.plan.targets)}'
    for loaded, load in watching.under_load():
        yield f'{loaded}: {load.room}'
    if watching.control and watching.control.why:
        yield (
            'not known when this machine itself is cut off: '
            f'{watching.control.why} (--control)'
        )
    if offered:
        yield 'offered to Prometheus at ' + offered.url


def _concluded(parsed_args, output, measured, limits, status):
    """What is said at the end beside the summary, line by line."""
    if measured.cut_off:
        yield (
            'this machine itself was cut off, so that what failed then is '
            f'unobserved: {measured.cut_off}'
        )
    if (
        any(each.unchecked(limits) for each in measured.migrations)
        and not parsed_args.accept_unchecked_limits
    ):
        yield "--accept-unchecked-limits lets pass what can't be checked"
    yield f'recorded in {output}, each probe in {_samples(output)}'
    if status:
        name = pathlib.Path(parsed_args.command[0]).name
        yield f'{name} ended with {status}'


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
