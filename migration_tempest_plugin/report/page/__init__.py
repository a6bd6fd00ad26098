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
"""The page of a run, or of a comparison: one HTML file that needs no other."""

import functools
import json
import re

import jinja2
from plotly import offline

from migration_tempest_plugin.report import compare
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import picture
from migration_tempest_plugin.report import text


def report(run, title):
    """The page of a Run."""
    cards = sorted((_Card(number, test, migration) for number, (
        test, migration) in enumerate(run.migrations, 1)),
        key=lambda card: digest.badness(card.migration), reverse=True)
    spread = _spread(cards)
    return _template('report.html').render(
        _shared(), title=title, cards=cards, costs=digest.COSTS,
        facts={title: list(_rows(facts))
               for title, facts in run.facts.items()},
        verdicts=_verdicts(cards), resolutions=_resolutions(cards),
        spread=[(quantity, _figure(picture.distribution(quantity, points)))
                for quantity, points in spread.items()],
        other=[test for test in run.tests if not test.migrations])


def comparison(compared, title, names):
    """The page of a compare.Comparison.

    :param names: of BEFORE and AFTER
    """
    figures = [(quantity, _figure(picture.before_after(both)))
               for quantity, samples in compared.samples.items()
               if (both := {variant: each for variant, each in samples.items()
                            if each.before and each.after})]
    return _template('comparison.html').render(
        _shared(), title=title, compared=compared, names=names,
        figures=figures, how=compare.how(compared), seconds=compare.seconds,
        shift=compare.shift)


class _Card:
    """A migration, as the page shows it."""

    def __init__(self, number, test, migration):
        self.id = 'migration-%d' % number
        self.test = test
        self.migration = migration
        self.server = migration.get('server') or '?'
        self.way = digest.way(migration, '\u2192')
        self.verdict = digest.verdict(migration)
        self.complaints = digest.remarks(migration)
        self.durations = digest.durations(migration)

    @property
    def name(self):
        """Of the server, shorter where it is a UUID."""
        return self.server[:8] if len(self.server) == 36 else self.server

    @property
    def figure(self):
        return _figure(picture.migration(self.migration))

    @property
    def lines(self):
        return [*text.migration(self.migration),
                *text.phases(self.migration)]


@functools.cache
def _environment():
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__name__, 'templates'), autoescape=True,
        trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined)
    environment.filters['seconds'] = lambda number: '%.3f' % number
    # where people would break a name into lines
    environment.filters['pieces'] = functools.partial(
        re.split, r'(?<=[._])')
    return environment


def _template(name):
    return _environment().get_template(name)


def _shared():
    """What each page is made of; its scripts are ours and Plotly's."""
    source, _, _ = _environment().loader.get_source(_environment(), 'page.js')
    style, _, _ = _environment().loader.get_source(_environment(), 'page.css')
    return {'plotly': offline.get_plotlyjs(), 'script': source,
            'style': style}


def _figure(figure):
    return json.loads(figure.to_json())


def _verdicts(cards):
    """How many migrations have each verdict, the worst first."""
    return [(verdict, count) for verdict in digest.Verdict
            if (count := sum(card.verdict is verdict for card in cards))]


def _rows(facts, name=''):
    """Facts, however deep, as (name, text) of each."""
    if isinstance(facts, dict):
        for key, each in facts.items():
            yield from _rows(each, '%s %s' % (name, key))
    elif isinstance(facts, list):
        yield name.strip(), '; '.join(map(_fact, facts))
    else:
        yield name.strip(), _fact(facts)


def _fact(fact):
    if isinstance(fact, dict):
        return ', '.join('%s %s' % pair for pair in fact.items())
    return '\u2013' if fact is None else str(fact)


def _resolutions(cards):
    """The best and the worst resolution that was reached, by what."""
    found = {}
    for card in cards:
        for each in card.migration['measurements']:
            if 'no_measurement' not in each:
                found.setdefault(each['what'], []).append(each['resolution'])
    return {what: (min(each), max(each)) for what, each in found.items()}


def _spread(cards):
    """What moved, by quantity, by variant: {..: {..: [(seconds, name)]}}."""
    found = {}
    for card in cards:
        if not digest.moved(card.migration):
            continue
        for quantity in digest.COSTS:
            if quantity in card.durations:
                found.setdefault(quantity, {}).setdefault(
                    card.test.name, []).append((
                        card.durations[quantity]['estimate'],
                        '%s %s' % (card.name, card.way)))
    return {quantity: found[quantity] for quantity in digest.COSTS
            if quantity in found}
