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
"""Several calls at the same time: most of their time they wait."""

import collections.abc
from concurrent import futures


def call_all(
    calls: collections.abc.Iterable[collections.abc.Callable[[], object]],
    at_a_time: int | None = None,
) -> None:
    """Call all of them; the first error is raised when all have ended.

    :param at_a_time: how many at most; None for all of them
    """
    calls = list(calls)
    if not calls:
        return
    with futures.ThreadPoolExecutor(at_a_time or len(calls)) as pool:
        made = [pool.submit(call) for call in calls]
    for each in made:
        each.result()
