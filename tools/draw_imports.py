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
"""Draws which package of the plugin imports which, as text.

tools/draw_imports.py > doc/source/imports.txt

A package may import those that stand below it. Whatever breaks that is named
on standard error, and the exit status is 1.
"""

import ast
import dataclasses
import pathlib
import sys

PLUGIN = 'migration_tempest_plugin'

#: What imports what stands below it, from the top to the bottom.
LAYERS = (
    'plugin',
    'tests',
    'cmd',
    'watch',
    'selfcheck',
    'doctor',
    'report',
    'running',
    'checks',
    'meters',
    'cloud',
    'hosts',
    'starlingx',
    'guest',
    'prober',
    'recording',
    'measurement',
    'config',
    'threads',
    'words',
    'exceptions',
)

#: They test each layer, and may import all.
_TESTS = ('unit_tests', 'functional_tests')


@dataclasses.dataclass(frozen=True)
class Import:
    """A module of one package imports another package."""

    module: str
    package: str
    imported: str

    @property
    def is_upward(self):
        return LAYERS.index(self.package) >= LAYERS.index(self.imported)


def imports(root):
    """All Imports between packages.

    :param root: the folder of the plugin, as a Path
    :raises ValueError: if a package has no place in LAYERS
    """
    found = set()
    for path in sorted(root.rglob('*.py')):
        module = path.relative_to(root)
        package = module.parts[0].removesuffix('.py')
        if package in (*_TESTS, '__init__'):
            continue
        for imported in {package, *_imported(ast.parse(path.read_text()))}:
            if imported not in LAYERS:
                raise ValueError(
                    f'{module} imports {imported}, which has no place in '
                    f'LAYERS of {__file__}'
                )
            if imported != package:
                found.add(Import(str(module), package, imported))
    return found


def _imported(tree):
    """The packages of the plugin that a module imports, when it runs."""
    for node in _walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f'{node.module}.{alias.name}' for alias in node.names]
        else:
            continue
        for name in names:
            first, *others = name.split('.')
            if first == PLUGIN and others:
                yield others[0]


def _walk(tree):
    """As ast.walk(), without what only a checker of types imports."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in (
            'TYPE_CHECKING',
            'typing.TYPE_CHECKING',
        ):
            continue
        yield node
        yield from _walk(node)


def drawing(found):
    """The Imports as lines: a row for who imports, a column for whom."""
    pairs = {(each.package, each.imported) for each in found}
    letters = [chr(ord('a') + number) for number in range(len(LAYERS))]
    width = max(map(len, LAYERS))
    yield ' ' * (width + 4) + ' '.join(letters)
    for letter, package in zip(letters, LAYERS):
        marks = [
            '\\'
            if other == package
            else 'x'
            if (package, other) in pairs
            else '.'
            for other in LAYERS
        ]
        yield f'{letter}  {package:<{width}} {" ".join(marks)}'


def main():
    found = imports(pathlib.Path(__file__).resolve().parent.parent / PLUGIN)
    print('\n'.join(drawing(found)))
    upward = sorted(
        f'{each.module} imports {each.imported}, which stands above it'
        for each in found
        if each.is_upward
    )
    if upward:
        print('\n'.join(upward), file=sys.stderr)
    return 1 if upward else 0


if __name__ == '__main__':
    sys.exit(main())
