"""Static files, compressed with gzip. Their names contain a hash of their content, so browsers keep them for a year.

Files are read from the applications when they are first used, and kept in memory. There is no build step that could
be forgotten, and no collected copy that could be out of date. WhiteNoise serves requests
for a name without a hash.
"""

import gzip
import hashlib
import mimetypes
import posixpath
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

IMMUTABLE = "max-age=31536000, public, immutable"
# Cache-Control for a URL that contains the hash of another version of the file. Such URLs occur during an upgrade,
# when a page and its files may come from different processes.
OTHER_VERSION = "no-cache"
_HASHED = re.compile(r"(?P<stem>.+)\.(?P<digest>[0-9a-f]{12})(?P<extension>\.[^./]+)")
_GZIP = re.compile(r"gzip(;q=(1(\.0*)?|0?\.[0-9]*[1-9][0-9]*))?")
_CSS_REFERENCE = re.compile(r"""url\((?P<quote>["']?)(?P<name>[^"')#?:]+)(?P<rest>[#?][^"')]*)?(?P=quote)\)""")


@dataclass(frozen=True)
class StaticFile:
    """A static file with its hashed name. `compressed` is empty if compression does not make it smaller."""

    name: str
    version: str  # the hash of its content
    content_type: str
    body: bytes = field(repr=False)
    compressed: bytes = field(repr=False)


class HashedStorage(StaticFilesStorage):
    """Gives each static file the URL with its hash."""

    def url(self, name: str | None) -> str:
        found = None if settings.DEBUG else find(name or "")
        return super().url(found.name if found else name)


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serves static files under their hashed names; leaves other names to WhiteNoise, and other paths to Django."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        is_ours = path.startswith(self.static_prefix)
        hashed = _HASHED.fullmatch(path, len(self.static_prefix)) if is_ours else None
        found = find(hashed["stem"] + hashed["extension"]) if hashed else None
        if hashed is None or found is None or request.method not in ("GET", "HEAD"):
            if is_ours and not self.autorefresh:
                self._add(path)
            answer: HttpResponseBase = super().__call__(request)
            return answer
        return _file_response(request, found, is_current=found.version == hashed["digest"])

    def add_files_from_finders(self) -> None:
        """Add no file in advance, because few are requested without a hash. `_add` adds a file at its first request."""

    def _add(self, path: str) -> None:
        """Let WhiteNoise serve this path if it leads to a static file."""
        file = _paths().get(path.removeprefix(self.static_prefix))
        if file is not None and path not in self.files:
            self.add_file_to_dictionary(path, file)


def find(name: str) -> StaticFile | None:
    """Return the static file with this unhashed name, or None. References in a style sheet get hashed names."""
    return _load_file(name) if name in _paths() else None


@cache
def _paths() -> dict[str, str]:
    """Return the paths of all static files, keyed by name. A request can get no other file."""
    listed = [(name, storage) for finder in finders.get_finders() for name, storage in finder.list(None)]
    return {name: storage.path(name) for name, storage in reversed(listed)}  # the first finder wins


@cache
def _load_file(name: str) -> StaticFile:
    body = Path(_paths()[name]).read_bytes()
    if name.endswith(".css"):
        body = _with_hashed_references(name, body.decode()).encode()
    digest = hashlib.sha256(body).hexdigest()[:12]
    stem, extension = posixpath.splitext(name)
    compressed = gzip.compress(body, mtime=0)
    return StaticFile(
        f"{stem}.{digest}{extension}",
        digest,
        mimetypes.guess_type(name)[0] or "application/octet-stream",
        body,
        compressed if len(compressed) < len(body) else b"",
    )


def _with_hashed_references(name: str, text: str) -> str:
    folder = posixpath.dirname(name)

    def hashed(reference: re.Match[str]) -> str:
        found = find(posixpath.normpath(posixpath.join(folder, reference["name"])))
        if found is None:
            return reference[0]
        return f'url("{posixpath.relpath(found.name, folder)}{reference["rest"] or ""}")'

    return _CSS_REFERENCE.sub(hashed, text)


def _file_response(request: HttpRequest, found: StaticFile, *, is_current: bool) -> HttpResponse:
    accepted = request.headers.get("Accept-Encoding", "").replace(" ", "").split(",")
    is_compressed = bool(found.compressed) and any(_GZIP.fullmatch(each) for each in accepted)
    body = found.compressed if is_compressed else found.body
    answer = HttpResponse(body, content_type=found.content_type)
    answer["Content-Length"] = str(len(body))
    if is_compressed:
        answer["Content-Encoding"] = "gzip"
    answer["Vary"] = "Accept-Encoding"
    answer["Cache-Control"] = IMMUTABLE if is_current else OTHER_VERSION
    return answer
