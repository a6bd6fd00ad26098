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

import base64
import collections
import collections.abc
import functools
import gzip
import importlib.resources
import json
import re

import jinja2

from migration_tempest_plugin import measurement
from migration_tempest_plugin.report import compare
from migration_tempest_plugin.report import digest
from migration_tempest_plugin.report import documents
from migration_tempest_plugin.report import judged
from migration_tempest_plugin.report import picture
from migration_tempest_plugin.report import plot
from migration_tempest_plugin.report import recorded
from migration_tempest_plugin.report import spread
from migration_tempest_plugin.report import text

#: Where plotly.js is from: source.json there.
PLOTLY = importlib.resources.files(__name__) / 'plotly'

_TEMPLATES = 'templates'


def report(run: recorded.Run, title: str) -> str:
    """The page of a Run."""
    cards = sorted(
        (
            _Card(number, test, migration)
            for number, (test, migration) in enumerate(run.migrations, 1)
        ),
        key=lambda card: digest.badness(card.migration),
        reverse=True,
    )
    migrations = [card.migration for card in cards]
    return _template('report.html').render(
        _shared(),
        title=title,
        cards=cards,
        costs=[
            what
            for what in digest.COSTS
            if any(what in card.costs for card in cards)
        ],
        facts={
            title: list(_rows(facts)) for title, facts in run.facts.items()
        },
        problems=run.problems,
        kinds=_kinds(migrations),
        verdicts=_verdicts(cards),
        stayed=sum(not digest.moved(each) for each in migrations),
        typical=[
            (kind, judged.KINDS[kind], each)
            for kind, each in judged.typical(migrations).items()
        ],
        worst=_worst(cards),
        resolutions=_resolutions(cards),
        spread=[
            (quantity, spread.by_variant(quantity, points))
            for quantity, points in _spread(cards).items()
        ],
        other=[test for test in run.tests if not test.migrations],
    )


def comparison(
    compared: compare.Comparison,
    title: str,
    names: collections.abc.Sequence[str],
) -> str:
    """The page of a compare.Comparison.

    :param names: of BEFORE and AFTER
    """
    figures = [
        (quantity, spread.before_after(both))
        for quantity, samples in compared.samples.items()
        if (
            both := {
                variant: each
                for variant, each in samples.items()
                if each.before and each.after
            }
        )
    ]
    return _template('comparison.html').render(
        _shared(),
        title=title,
        compared=compared,
        names=names,
        figures=figures,
        how=compare.how(compared),
        seconds=compare.seconds,
        shift=compare.shift,
    )


class _Card:
    """A migration, as the page shows it."""

    def __init__(
        self,
        number: int,
        test: recorded.RecordedTest,
        migration: documents.Migration,
    ) -> None:
        self.id = f'migration-{number}'
        self.test = test
        self.migration = migration
        self.server = migration.get('server') or '?'
        self.way = digest.way(migration, '\u2192')
        self.verdict = digest.verdict(migration)
        self.complaints = digest.remarks(migration)
        self.costs = judged.costs(migration)
        self.limits = judged.limits(migration)

    @property
    def name(self) -> str:
        """Of the server, shorter where it is a UUID."""
        return self.server[:8] if len(self.server) == 36 else self.server

    @property
    def headline(self) -> str:
        """The server and its way, which begins with the target of a watch."""
        if self.way.startswith(self.server):
            return self.way
        return f'{self.name} {self.way}'

    @property
    def figure(self) -> plot.Figure:
        return picture.migration(self.migration)

    @property
    def load(self) -> str:
        """What measuring cost the guest, or '' where that is not known."""
        return text.load(self.migration)

    @property
    def settings(self) -> str:
        """Which held, and where each is from, or '' if there are none."""
        return digest.settings(self.migration)

    @property
    def unlimited(self) -> dict[str, measurement.Duration]:
        """What it cost that no limit is for."""
        limited = {limit.what for limit in self.limits}
        return {
            what: cost
            for what, cost in self.costs.items()
            if what not in limited and what != digest.QUEUED
        }

    @property
    def lines(self) -> list[str]:
        return [*text.migration(self.migration), *text.phases(self.migration)]


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(__name__, _TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters['seconds'] = lambda number: f'{number:.3f}'
    environment.filters['duration'] = judged.text
    # where people would break a name into lines
    environment.filters['pieces'] = functools.partial(re.split, r'(?<=[._])')
    return environment


def _template(name: str) -> jinja2.Template:
    return _environment().get_template(name)


def _shared() -> dict[str, object]:
    """What each page is made of; its scripts are ours and Plotly's."""
    ours = importlib.resources.files(__name__) / _TEMPLATES
    return {
        **_plotly(),
        'script': (ours / 'page.js').read_text('utf-8'),
        'style': (ours / 'page.css').read_text('utf-8'),
    }


@functools.cache
def _plotly() -> dict[str, object]:
    """The library: packed, which is a third of it, and whose it is."""
    code = (PLOTLY / 'plotly-basic.min.js').read_bytes()
    packed = base64.b64encode(gzip.compress(code, mtime=0))
    return {
        'plotly': packed.decode(),
        'plotly_license': (PLOTLY / 'LICENSE').read_text('utf-8'),
        'plotly_source': json.loads(
            (PLOTLY / 'source.json').read_text('utf-8')
        ),
    }


def _kinds(
    migrations: collections.abc.Iterable[documents.Migration],
) -> list[tuple[str, int]]:
    """How many migrations there are of each kind, by its name."""
    counts = collections.Counter(
        each.get('kind', 'live') for each in migrations
    )
    return [
        (name, counts[kind])
        for kind, name in judged.KINDS.items()
        if counts[kind]
    ]


def _worst(
    cards: collections.abc.Iterable[_Card],
) -> dict[tuple[str, str], _Card]:
    """Of each kind and cost, the card with the worst."""
    found: dict[tuple[str, str], _Card] = {}
    for card in cards:
        if not digest.moved(card.migration):
            continue
        for what, cost in card.costs.items():
            key = card.migration.get('kind', 'live'), what
            if key not in found or _length(cost) > _length(
                found[key].costs[what]
            ):
                found[key] = card
    return found


def _verdicts(
    cards: collections.abc.Collection[_Card],
) -> list[tuple[digest.Verdict, int]]:
    """How many migrations have each verdict, the worst first."""
    return [
        (verdict, count)
        for verdict in digest.Verdict
        if (count := sum(card.verdict is verdict for card in cards))
    ]


def _rows(
    facts: object, name: str = ''
) -> collections.abc.Iterator[tuple[str, str]]:
    """Facts, however deep, as (name, text) of each."""
    if isinstance(facts, dict):
        for key, each in facts.items():
            yield from _rows(each, f'{name} {key}')
    elif isinstance(facts, list):
        yield name.strip(), '; '.join(map(_fact, facts))
    else:
        yield name.strip(), _fact(facts)


def _fact(fact: object) -> str:
    if isinstance(fact, dict):
        return ', '.join(f'{key} {value}' for key, value in fact.items())
    return '\u2013' if fact is None else str(fact)


def _resolutions(
    cards: collections.abc.Iterable[_Card],
) -> dict[str, tuple[float, float]]:
    """The best and the worst resolution that was reached, by what."""
    found: dict[str, list[float]] = {}
    for card in cards:
        for each in card.migration['measurements']:
            if 'no_measurement' not in each:
                found.setdefault(each['what'], []).append(each['resolution'])
    return {what: (min(each), max(each)) for what, each in found.items()}


def _length(duration: measurement.Duration) -> tuple[float, float]:
    """Greater is longer; of those that were not seen, by what is known."""
    return float(duration), duration.upper


def _spread(
    cards: collections.abc.Iterable[_Card],
) -> dict[str, dict[str, list[spread.Point]]]:
    """What moved, by quantity, by variant."""
    found: dict[str, dict[str, list[spread.Point]]] = {
        quantity: {} for quantity in digest.COSTS
    }
    for card in cards:
        if not digest.moved(card.migration):
            continue
        for quantity in digest.COSTS:
            if quantity in card.costs:
                cost = card.costs[quantity]
                found[quantity].setdefault(card.test.name, []).append(
                    spread.Point.of(
                        cost,
                        f'{card.headline}: {judged.text(cost)}',
                    )
                )
    return {quantity: each for quantity, each in found.items() if each}
