"""The files of a zip from somewhere else: bounded, inside, and exactly those that its manifest names."""

from __future__ import annotations

import hashlib
import re
import stat
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from timnet.bounded import parse_json
from timnet.errors import BadInput
from timnet.text import clean

MOST_FILES = 50_000
MOST_BYTES = 8 * 2**30
LARGEST_FILE = 512 * 2**20
MOST_RATIO = 200
"""How many times its packed size a file may have; a file of nothing but zeros would have a thousand."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*", re.ASCII)
_BROKEN = (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, ValueError)


class Zipped:
    """An open zip. Nothing is unpacked to disk: files are read by name, and each must have its manifest's SHA-256."""

    def __init__(self, path: Path, manifest: str) -> None:
        self._where = clean(path.name)
        if not path.is_file():
            raise BadInput(f"no such file: {clean(str(path))}; name a bundle that timnet export bundle has made")
        try:
            self._archive = zipfile.ZipFile(path)
        except _BROKEN as error:
            raise BadInput(f"{self._where} is no zip file, or a damaged one ({clean(str(error))})") from None
        try:
            self._infos = self._check_directory()
            self._digests: dict[str, str] = {}
            self.manifest = self._read_manifest(manifest)
        except BaseException:
            self._archive.close()
            raise

    @property
    def names(self) -> frozenset[str]:
        """The files that the manifest names."""
        return frozenset(self._digests)

    def read(self, name: str) -> bytes:
        """One file. Raises :class:`BadInput` where it is not there, damaged, or not what the manifest says."""
        if name not in self._digests:
            raise BadInput(f"{self._where}: {name} is not in it; make the bundle again")
        data = self._bytes(name)
        if hashlib.sha256(data).hexdigest() != self._digests[name]:
            raise BadInput(f"{self._where}: {name} is not what its manifest says; fetch the bundle again")
        return data

    def json(self, name: str) -> Any:
        """One file as JSON. Raises :class:`BadInput`."""
        return self._json(name, self.read(name))

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _check_directory(self) -> dict[str, zipfile.ZipInfo]:
        """Refuse, before anything is read, what is too much, leads elsewhere or is no plain file."""
        infos = self._archive.infolist()
        if len(infos) > MOST_FILES:
            raise BadInput(f"{self._where} holds {len(infos)} files; more than {MOST_FILES} are not taken")
        total = sum(info.file_size for info in infos)
        if total > MOST_BYTES:
            raise BadInput(f"{self._where} would take {total} bytes; more than {MOST_BYTES} are not taken")
        for info in infos:
            self._check_one(info)
        found = {info.filename: info for info in infos}
        if len(found) < len(infos):
            raise BadInput(f"{self._where} holds two files of the same name; that is no bundle of timnet's")
        return found

    def _check_one(self, info: zipfile.ZipInfo) -> None:
        name = clean(info.filename)
        mode = info.external_attr >> 16
        plain = _NAME.fullmatch(info.filename) and stat.S_IFMT(mode) in (0, stat.S_IFREG) and not info.flag_bits & 1
        if not plain or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadInput(f"{self._where}: {name} is no plain file inside it; that is no bundle of timnet's")
        if info.file_size > LARGEST_FILE or info.file_size > MOST_RATIO * max(info.compress_size, 1024):
            raise BadInput(f"{self._where}: {name} would take {info.file_size} bytes, which is too much for a bundle")

    def _read_manifest(self, name: str) -> dict[str, Any]:
        if name not in self._infos:
            raise BadInput(f"{self._where} has no {name}; that is no bundle of timnet's")
        manifest = self._json(name, self._bytes(name))
        try:
            files = {str(path): str(about["sha256"]) for path, about in manifest["files"].items()}
        except (TypeError, KeyError, AttributeError):
            raise BadInput(f"{self._where}: {name} lists no files; that is no bundle of timnet's") from None
        strange = sorted({*files} ^ ({*self._infos} - {name}))
        if strange:
            raise BadInput(
                f"{self._where}: {clean(strange[0])} is in the manifest or in the zip, but not in both; fetch it again"
            )
        self._digests = files
        return dict(manifest)

    def _bytes(self, name: str) -> bytes:
        """A file's bytes, never more than its directory entry says."""
        info = self._infos[name]
        try:
            with self._archive.open(info) as stream:
                data = stream.read(info.file_size + 1)
        except (*_BROKEN, zlib.error) as error:
            raise BadInput(f"{self._where}: {name} is damaged ({clean(str(error))}); fetch the bundle again") from None
        if len(data) != info.file_size:
            raise BadInput(f"{self._where}: {name} is not as long as it says; fetch the bundle again")
        return data

    def _json(self, name: str, data: bytes) -> Any:
        try:
            return parse_json(data.decode("utf-8"), finite=True)
        except ValueError:
            raise BadInput(f"{self._where}: {name} is no JSON; fetch the bundle again") from None
