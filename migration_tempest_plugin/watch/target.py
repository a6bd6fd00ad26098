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
"""What a TARGET of a watch says: an address to ping, or a service to ask."""

import dataclasses
import ipaddress
import re
import urllib.parse

import dns.exception
import dns.name

from migration_tempest_plugin import exceptions
from migration_tempest_plugin.meters import service_kinds

#: How a service is named, for people.
SERVICES = (
    'HOST:PORT, http://HOST/PATH, https://HOST/PATH or NAME@SERVER (an IPv6 '
    'address in brackets if a port follows)'
)

_DNS_PORT = 53
_NAME = re.compile(r'[\w.-]+', re.ASCII)
_STATUS = re.compile(r'([1-5]\d\d)(?:-([1-5]\d\d))?')


@dataclasses.dataclass(frozen=True)
class Pages:
    """How all URLs are asked.

    :ivar statuses: those of HTTP that are good
    :ivar check: certificates must be valid
    """

    statuses: service_kinds.Statuses = ((200, 399),)
    check: bool = True


def parse(text: str, pages: Pages = Pages()) -> service_kinds.Service | None:
    """The service of a TARGET; None if it is an address that is pinged.

    :raises RecordError: if it makes no sense
    """
    try:
        return _parsed(text, pages)
    except ValueError as error:
        raise exceptions.RecordError(
            f'{text!r} is no target: {error}. A target is ADDRESS, {SERVICES}'
        ) from error


def statuses(text: str) -> service_kinds.Statuses:
    """The statuses of HTTP of a text like 200,300-399.

    :raises ValueError: if it is no such text
    """
    found = []
    for part in text.split(','):
        match = _STATUS.fullmatch(part)
        if not match:
            raise ValueError(f'{part!r} is no status of HTTP: 200, 300-399')
        least, most = match[1], match[2] or match[1]
        found.append((int(least), int(most)))
    return tuple(found)


def _parsed(text: str, pages: Pages) -> service_kinds.Service | None:
    if not text or not text.isprintable() or ' ' in text:
        raise ValueError('it is empty, or has a blank')
    if '://' in text:
        return _page(text, pages)
    if '@' in text:
        return _name(text)
    if _is_ipv6(text) or ':' not in text:
        return None
    host, port = _place(text)
    if port is None:
        raise ValueError('it names no port')
    return service_kinds.Connect((host, port))


def _page(text: str, pages: Pages) -> service_kinds.Http:
    if not text.isascii():
        raise ValueError('a URL has other characters as %XX')
    url = urllib.parse.urlsplit(text)
    if url.scheme not in ('http', 'https'):
        raise ValueError(f'{url.scheme!r} is neither http nor https')
    if '@' in url.netloc:
        raise ValueError('a user or a password would stand in the record')
    secure = url.scheme == 'https'
    host, port = _place(url.netloc)
    path = urllib.parse.urlunsplit(('', '', url.path or '/', url.query, ''))
    return service_kinds.Http(
        (host, port or (443 if secure else 80)),
        path,
        secure,
        pages.check,
        pages.statuses,
    )


def _name(text: str) -> service_kinds.Dns:
    name, _, server = text.rpartition('@')
    try:
        dns.name.from_text(name)
    except dns.exception.DNSException as error:
        raise ValueError(f'{name!r} is no name: {error}') from error
    if not _NAME.fullmatch(name):
        raise ValueError(f'{name!r} is no name')
    host, port = (server, None) if _is_ipv6(server) else _place(server)
    return service_kinds.Dns((host, port or _DNS_PORT), name)


def _place(text: str) -> tuple[str, int | None]:
    """The host and the port of HOST[:PORT], without brackets."""
    host, colon, port = text.rpartition(':')
    if not colon or text.endswith(']'):
        host, colon, port = text, '', ''
    if host.startswith('[') and host.endswith(']') and _is_ipv6(host[1:-1]):
        host = host[1:-1]
    elif not host or set(host) & set(':[]/?#'):
        raise ValueError('it names no host')
    return host, _port(port) if colon else None


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise ValueError(f'{text!r} is no port, which is from 1 to 65535')
    return int(text)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
