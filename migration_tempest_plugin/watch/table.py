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
"""A table that is kept up to date on a terminal, drawn by rich.

It is not required: OpenStack's global requirements don't have it.
"""

from rich import console
from rich import live
from rich import table
from rich import text


class Table:
    """Shown below the lines that are said meanwhile.

    :param stream: the terminal
    :param columns: the headlines
    """

    def __init__(self, stream, columns):
        self._columns = columns
        self._console = console.Console(file=stream, highlight=False)
        self._live = live.Live(
            console=self._console, auto_refresh=False, transient=True
        )

    def start(self):
        self._live.start()

    def stop(self):
        """Take it away; the lines stay."""
        self._live.stop()

    def say(self, line):
        """A line above the table; its colours are kept."""
        self._console.print(text.Text.from_ansi(line), soft_wrap=True)

    def update(self, title, rows):
        """Show this instead.

        :param rows: of each, a text for each column
        """
        shown = table.Table(*self._columns, title=title, title_justify='left')
        for row in rows:
            shown.add_row(*map(text.Text, row))
        self._live.update(shown, refresh=True)
