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
"""What is placed in a guest, and the shell that places it.

Each script is a file of its own (``*.sh``) for any POSIX shell. A script that
:mod:`.shell` can look after takes a directory as its first argument, adds
whole lines to ``log`` in it, the first of which holds ``pid=N`` or begins with
``error``, keeps what it is doing in one line in ``now``, and ends by itself
after a time and when the directory is gone.
"""
