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
"""Pictures of recorded migrations, for plotly.js to draw.

Each lane says in words what it is, and what is certain, possible or unseen
differs by its hatching, so that nothing depends on seeing colours. All that
comes from a cloud is escaped: Plotly takes labels for a kind of HTML.
"""

import html

from plotly import graph_objects
from plotly import subplots

from migration_tempest_plugin.report import digest

# Okabe and Ito's colours, which those tell apart who don't see all of them.
_COLOURS = {'network': '#D55E00', 'tcp': '#E69F00', 'metadata': '#CC79A7',
            'guest stopped': '#0072B2', 'phase': '#009E73',
            'event': '#56B4E9'}
_OTHER, _GREY = '#F0E442', '#8a8a8a'
_GRID = 'rgba(128,128,128,0.3)'

_LABELS = {'network': 'ping', 'tcp': 'TCP', 'metadata': 'metadata',
           'guest stopped': 'guest clock'}
_LIMIT_OF = {'guest': 'guest stopped'}

_MIB = 2 ** 20

#: Pixels of a lane, and of a curve; and what the axes take besides.
_LANE, _CURVE, _AXES = 34, 130, 110


def migration(document):
    """What happened in one migration, on one axis of time."""
    lanes = _lanes(document)
    curves = _curves(document)
    heights = [_LANE * len(lanes), *[_CURVE] * len(curves)]
    figure = subplots.make_subplots(
        rows=len(heights), shared_xaxes=True, row_heights=heights,
        vertical_spacing=0.06 if curves else 0)
    for lane in lanes:
        for trace in lane:
            figure.add_trace(trace, row=1, col=1)
    for row, (title, traces) in enumerate(curves, 2):
        for trace in traces:
            figure.add_trace(trace, row=row, col=1)
        figure.update_yaxes(title_text=title, rangemode='tozero', row=row,
                            col=1)
    figure.update_yaxes(
        row=1, col=1, autorange='reversed', fixedrange=True,
        # a line of the grid would pass for time that was observed
        showgrid=False, type='category', categoryorder='array',
        categoryarray=[_name(lane) for lane in lanes])
    figure.update_xaxes(
        row=len(heights), col=1, title_text='seconds since %s' % (
            'it began' if document.get('kind') == 'watch'
            else 'the request'))
    figure.update_layout(
        height=sum(heights) + _AXES, barmode='overlay', showlegend=False,
        # a label that does not fit is told by hovering
        uniformtext={'mode': 'hide', 'minsize': 10},
        updatemenus=_zoom(document, len(heights)))
    return _styled(figure)


def distribution(quantity, points_of):
    """How a quantity is spread: a line for each variant, all its points.

    :param points_of: {variant: [(seconds, what it is)]}
    """
    figure = graph_objects.Figure([
        _spread(variant, points, quantity)
        for variant, points in points_of.items()])
    figure.update_xaxes(rangemode='tozero', title_text='seconds')
    figure.update_yaxes(autorange='reversed')
    figure.update_layout(height=28 * len(points_of) + _AXES,
                         showlegend=False)
    return _styled(figure)


def before_after(samples):
    """Each variant's samples of one quantity, before and after.

    :param samples: {variant: comparison.Samples}
    """
    figure = graph_objects.Figure()
    for name, mark, colour, symbol in (
            ('before', 'circles', '#0072B2', 'circle-open'),
            ('after', 'crosses', '#D55E00', 'x')):
        points = [(variant, number) for variant, each in samples.items()
                  for number in getattr(each, name)]
        figure.add_trace(graph_objects.Box(
            x=[float(number) for _, number in points],
            y=[_text(variant) for variant, _ in points],
            orientation='h', name='%s (%s)' % (name, mark),
            boxpoints='all', jitter=0.4,
            pointpos=0, line={'color': colour, 'width': 1.5},
            fillcolor='rgba(0,0,0,0)',
            marker={'symbol': symbol, 'color': colour, 'size': 8}))
    figure.update_xaxes(title_text='seconds', rangemode='tozero')
    figure.update_yaxes(autorange='reversed', automargin=True)
    figure.update_layout(
        height=44 * max(1, len(samples)) + _AXES, boxmode='group',
        legend={'orientation': 'h', 'y': 1, 'yanchor': 'bottom'})
    return _styled(figure)


def _styled(figure):
    """Without a colour of its own for text and paper: the page has them."""
    figure.update_layout(
        template='none', paper_bgcolor='rgba(0,0,0,0)',
        plot_bgcolor='rgba(0,0,0,0)', dragmode='zoom', hovermode='closest',
        margin={'l': 10, 'r': 10, 't': 40, 'b': 10}, font={'size': 13})
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(gridcolor=_GRID, zeroline=False, automargin=True)
    return figure


def _lanes(document):
    """The traces of each lane; the first of each names it."""
    lanes = [_timeline_lane(document, number, each)
             for number, each in enumerate(document['measurements'], 1)]
    lanes.append(_clock_lane(document))
    progress = document.get('progress') or {}
    lanes += [_phase_lane(kind, [
        phase for phase in progress.get('phases', ())
        if phase['kind'] == kind]) for kind in ('status', 'event')]
    return [lane for lane in lanes if lane]


def _name(lane):
    return lane[0].y[0]


def _timeline_lane(document, number, measured):
    missing = measured.get('no_measurement')
    timeline = measured.get('timeline') if missing else measured
    if not timeline:
        return _bars('NO MEASUREMENT (%d)' % number, [(0, 1, missing)],
                     _GREY, '.')
    what, begin = timeline['what'], timeline.get('begin', 0.0)
    name = _LABELS.get(what, _text(what))
    if timeline.get('clock', 'tester') != 'tester':
        name += ', %s\'s clock' % timeline['clock']
    colour = _COLOURS.get(what, _OTHER)
    lane = _line(name, begin, begin + timeline.get('observed', 0.0),
                 missing or '%s: observed, resolution %.3f s' % (
                     timeline['target'], timeline['resolution']))
    lane += _bars(name, [(begin + gap['begin'], begin + gap['end'],
                          'nobody looked for %.3f s' % (
                              gap['end'] - gap['begin']))
                         for gap in timeline.get('gaps', ())], _GREY, 'x')
    lane += _outages(name, colour, [
        _shifted(outage, begin) for outage in timeline['outages']], what)
    return lane + _limits(document, name, what, [
        begin + outage['start'] for outage in timeline['outages']])


def _clock_lane(document):
    clock = document.get('guest_clock')
    if not clock:
        return []
    what, stops = 'guest stopped', clock['stops']
    name = _LABELS[what]
    observed = [each for each in document['measurements']
                if each.get('what') == 'tcp']
    begin, length = (observed[0].get('begin', 0.0), observed[0].get(
        'observed', 0.0)) if observed else (0.0, 0.0)
    lane = _line(name, begin, begin + length, '%d beats, resolution %.3f s' % (
        clock.get('beats', 0), clock.get('resolution', 0.0)))
    lane += _outages(name, _COLOURS[what], stops, 'guest stopped')
    return lane + _limits(document, name, what,
                          [stop['start'] for stop in stops])


def _shifted(outage, begin):
    return {**outage, **{key: outage[key] + begin for key in (
        'start', 'end', 'first_failure', 'last_failure') if key in outage}}


def _outages(name, colour, outages, what):
    """Possibly down: hatched; certainly: filled; and a mark to find it."""
    said = ['%s: %s, from %.3f s%s%s' % (
        what, _duration(each), each['start'],
        ', %d probes failed' % each['failures'] if 'failures' in each else '',
        ', STILL DOWN' if each.get('ongoing') else '') for each in outages]
    certain = [_certain(each) for each in outages]
    return [
        *_bars(name, [(each['start'], each['end'], text)
                      for each, text in zip(outages, said)], colour, '/'),
        *_bars(name, [(*moments, text) for moments, text
                      in zip(certain, said) if moments[0] < moments[1]],
               colour, ''),
        *_marks(name, [((each['start'] + each['end']) / 2, text)
                       for each, text in zip(outages, said)],
                'triangle-down', colour)]


def _certain(outage):
    """From when to when it was certainly down, as well as is known."""
    if 'first_failure' in outage:
        return outage['first_failure'], outage['last_failure']
    middle = (outage['start'] + outage['end']) / 2
    return middle - outage['lower'] / 2, middle + outage['lower'] / 2


def _limits(document, name, what, starts):
    """A line as long as is allowed, from where the first outage began."""
    limits = [each for each in document.get('limits', ())
              if _LIMIT_OF.get(each['what'], each['what']) == what]
    if not starts or not limits:
        return []
    limit = min(limits, key=lambda each: each['seconds'])
    text = 'limit: %g s (%s)' % (limit['seconds'], _text(limit['option']))
    return [graph_objects.Scatter(
        x=[starts[0], starts[0] + limit['seconds']], y=[name, name],
        mode='lines+markers', line={'color': '#000000', 'dash': 'dash',
                                    'width': 2},
        marker={'symbol': 'line-ns-open', 'size': 20, 'color': '#000000'},
        hovertext=text, hoverinfo='text', meta='limit')]


def _phase_lane(kind, phases):
    phases = [phase for phase in phases if phase['end']]
    name = {'status': 'phase', 'event': 'events'}[kind]
    lane = _bars(
        name, [(sum(phase['begin']) / 2, sum(phase['end']) / 2,
                digest.phase(phase)) for phase in phases],
        _COLOURS['phase' if kind == 'status' else 'event'])
    for bars in lane:
        bars.marker.pattern = None
        bars.marker.color = 'rgba(128,128,128,0.15)'
        bars.update(text=[_text(phase['name']) for phase in phases],
                    textposition='inside', insidetextanchor='middle',
                    insidetextfont={'color': '#000000', 'size': 12})
    return lane


def _line(name, begin, end, text):
    """For how long it was looked at."""
    return [graph_objects.Scatter(
        x=[begin, end], y=[name, name], mode='lines',
        line={'color': _GREY, 'width': 2}, hovertext=_text(text),
        hoverinfo='text')]


def _bars(name, spans, colour, hatching=''):
    if not spans:
        return []
    return [graph_objects.Bar(
        orientation='h', y=[name] * len(spans),
        base=[begin for begin, _, _ in spans],
        x=[end - begin for begin, end, _ in spans],
        hovertext=[_text(text) for _, _, text in spans], hoverinfo='text',
        width=0.62,
        marker={'color': colour, 'line': {'color': colour, 'width': 1.5},
                'pattern': {'shape': hatching, 'fillmode': 'replace',
                            'size': 6}})]


def _marks(name, points, symbol, colour):
    if not points:
        return []
    return [graph_objects.Scatter(
        x=[x for x, _ in points], y=[name] * len(points), mode='markers',
        marker={'symbol': symbol, 'size': 11, 'color': colour,
                'line': {'color': '#000000', 'width': 1}},
        hovertext=[_text(text) for _, text in points], hoverinfo='text')]


def _curves(document):
    """Memory and rates, and how much the guest is slowed, where known."""
    looks = (document.get('progress') or {}).get('looks', ())
    api = [(look['answered'], look['memory_remaining']) for look in looks
           if look.get('memory_remaining') is not None]
    figures = document.get('figures', ())

    def told(name):
        return [(each['at'], each[name]) for each in figures
                if each.get(name) is not None]

    curves = [
        ('memory, MiB', [
            _curve('remaining, by Nova', api, '#0072B2', 'solid', _MIB),
            _curve('remaining, by libvirt', told('memory_remaining'),
                   '#D55E00', 'dot', _MIB)]),
        ('MiB/s', [_curve('written by the guest', told('dirty_rate'),
                          '#CC79A7', 'dash', _MIB),
                   _curve('copied', told('bandwidth'), '#009E73', 'solid',
                          _MIB)]),
        ('throttle, %', [_curve('auto-converge', told('throttle'),
                                '#E69F00', 'solid', 1)])]
    curves = [(title, list(filter(None, traces)))
              for title, traces in curves]
    return [curve for curve in curves if curve[1]]


def _curve(name, points, colour, dash, unit):
    if not any(y for _, y in points):
        return None  # nothing was told, or Nova's 0 for "not known yet"
    return graph_objects.Scatter(
        x=[x for x, _ in points], y=[y / unit for _, y in points],
        mode='lines+markers+text', name=name, textposition='top right',
        cliponaxis=False, line={'color': colour, 'dash': dash, 'width': 2},
        marker={'size': 5, 'color': colour},
        text=[name] + [''] * (len(points) - 1),
        hovertemplate=name + ': %{y:.1f} at %{x:.1f} s<extra></extra>')


def _zoom(document, rows):
    """Buttons: all of it, and the moment at which the guest changes over."""
    # Axes that are shared have to be told each, or the others win.
    axes = ['xaxis%s' % (row if row > 1 else '')
            for row in range(1, rows + 1)]
    moments = _switchover(document)
    buttons = [{'label': 'whole', 'method': 'relayout', 'args': [
        {axis + '.autorange': True for axis in axes}]}]
    if moments:
        buttons.append({'label': 'outages', 'method': 'relayout', 'args': [
            {axis + '.range': list(moments) for axis in axes}]})
    return [{'type': 'buttons', 'direction': 'right', 'buttons': buttons,
             'x': 0, 'xanchor': 'left', 'y': 1, 'yanchor': 'bottom',
             'showactive': False, 'pad': {'b': 4},
             'bgcolor': 'rgba(128,128,128,0.15)'}]


def _switchover(document):
    """Around the outages of the network, or the guest's stops."""
    spans = [(stop['start'], stop['end']) for stop in (
        document.get('guest_clock') or {}).get('stops', ())]
    for each in document['measurements']:
        if each.get('what') == 'network':
            spans += [(each.get('begin', 0.0) + outage['start'],
                       each.get('begin', 0.0) + outage['end'])
                      for outage in each['outages']]
    if not spans:
        return None
    begin, end = min(map(min, spans)), max(map(max, spans))
    around = max(0.1, (end - begin) / 4)
    return begin - around, end + around


def _spread(variant, points, quantity):
    return graph_objects.Box(
        x=[seconds for seconds, _ in points],
        y=[_text(variant)] * len(points), orientation='h', boxpoints='all',
        jitter=0.4, pointpos=0, hovertext=[_text(text) for _, text in points],
        hoverinfo='text+x', fillcolor='rgba(0,0,0,0)',
        line={'color': _GREY, 'width': 1},
        marker={'color': _COLOURS.get(quantity, _OTHER), 'size': 7,
                'line': {'color': '#000000', 'width': 0.5}})


def _duration(duration):
    return '%.3f s (%.3f to %.3f)' % (
        duration['estimate'], duration['lower'], duration['upper'])


def _text(text):
    return html.escape(str(text))
