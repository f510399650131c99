"""The folder of a saved session: its manifest and the files that this names. Nothing in it is believed before the names
are plain, the files are files, and their bytes have the hashes of the manifest, which carries its own (KN52)."""
import hashlib
import json
import os
import queue
import re
import stat
import threading

_PIECE = 4 << 20
_MANIFEST_BYTES = 64 << 20
_HEAD = '{"sha256":"%s","body":'
_HEAD_UNITS = len(_HEAD % ("0" * 64))
_name = re.compile(r"[a-z][a-z0-9-]{0,60}\.[a-z]{1,12}\Z")
_OPEN_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_OPEN_OLD = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
WORKERS = 2


class Damaged(Exception):
    """What was saved is not what was written."""


class NewFile:
    """A file of the folder in the making, hashed while it is written."""

    def __init__(self, folder, name):
        self.name = name
        self.bytes = 0
        self._hash = hashlib.sha256()
        self._file = os.fdopen(os.open(os.path.join(folder, name), _OPEN_NEW, 0o600), "wb", buffering=0)

    def write(self, data):
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _PIECE):
            piece = view[start : start + _PIECE]
            self._hash.update(piece)
            while len(piece):
                piece = piece[self._file.write(piece) :]
        self.bytes += len(view)

    def close(self):
        self._file.close()
        return {"name": self.name, "bytes": self.bytes, "sha256": self._hash.hexdigest()}


class Writers:
    """Threads that write and hash large buffers, while what comes after them is still being pickled."""

    def __init__(self, folder):
        self._folder = folder
        self._waiting = queue.SimpleQueue()
        self._done = {}
        self._error = None
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(WORKERS)]
        for thread in self._threads:
            thread.start()

    def put(self, name, view):
        self._waiting.put((name, view))

    def _run(self):
        while True:
            item = self._waiting.get()
            if item is None:
                return
            try:
                file = NewFile(self._folder, item[0])
                file.write(item[1])
                self._done[item[0]] = file.close()
            except BaseException as error:
                self._error = error

    def finish(self):
        """The entries of what was written, by name."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        if self._error is not None:
            raise self._error
        return self._done


def write_manifest(folder, body):
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":"))
    whole = _HEAD % hashlib.sha256(text.encode()).hexdigest() + text + "}"
    path = os.path.join(folder, "manifest.json")
    with os.fdopen(os.open(path + ".part", _OPEN_NEW, 0o600), "w") as file:
        file.write(whole)
    os.rename(path + ".part", path)


def _open_plain(folder, name):
    if not _name.match(name):
        raise Damaged("it names a file %r" % name[:80])
    try:
        fd = os.open(os.path.join(folder, name), _OPEN_OLD)
    except OSError as error:
        raise Damaged("%s cannot be opened: %s" % (name, error.strerror))
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Damaged("%s is no file" % name)
    return fd


def read_manifest(folder):
    fd = _open_plain(folder, "manifest.json")
    with os.fdopen(fd, "rb") as file:
        whole = file.read(_MANIFEST_BYTES + 1).decode("utf-8", "replace")
    text = whole[_HEAD_UNITS:-1]
    if whole != _HEAD % hashlib.sha256(text.encode()).hexdigest() + text + "}":
        raise Damaged("the manifest is not as it was written")
    return json.loads(text)


def read_files(folder, entries, most_bytes):
    """The bytes of all files by name, each in memory of its own that may be changed; only if all are as they were."""
    if sum(entry["bytes"] for entry in entries) > most_bytes:
        raise Damaged("it is larger than what is restored")
    waiting = queue.SimpleQueue()
    for entry in sorted(entries, key=lambda entry: -entry["bytes"]):
        waiting.put(entry)
    contents, errors = {}, []

    def work():
        while not errors:
            try:
                entry = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                contents[entry["name"]] = _read(folder, entry)
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return contents


def _read(folder, entry):
    fd = _open_plain(folder, entry["name"])
    with os.fdopen(fd, "rb", buffering=0) as file:
        if os.fstat(fd).st_size != entry["bytes"]:
            raise Damaged("%s has not the length that it had" % entry["name"])
        content = bytearray(entry["bytes"])
        view, digest = memoryview(content), hashlib.sha256()
        at = 0
        while at < len(view):
            count = file.readinto(view[at : at + _PIECE])
            if not count:
                raise Damaged("%s is cut short" % entry["name"])
            digest.update(view[at : at + count])
            at += count
    if digest.hexdigest() != entry["sha256"]:
        raise Damaged("%s is not as it was written" % entry["name"])
    return content
