"""Saves the variables of a session into a folder (KN51): a copy of the process does it, so that the session stands still
only while it is copied."""
import errno
import gc
import json
import os
import platform
import re
import select
import shutil
import signal
import sys
import threading
import time
import types

from . import world
from .covariables import find_sharing
from .never_saved import NotSaved, reason_of
from .pickling import Pickles
from .saved_folder import Writers, write_manifest

FORMAT = 1
_SHOWN = 200
_VARIABLES = 10_000
_SHARING_S = 20
_GROUP_S = 120
_WHOLE_S = 480
_SPARE_BYTES = 256 << 20
_MOST_BYTES = 60 << 30
_NO_ROOM = {errno.ENOSPC, errno.EFBIG, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)}
#: What IPython keeps beside the user's names.
_hidden = re.compile(r"__|_\Z|_i?\d+\Z")


class Failed(Exception):
    """Nothing was saved; the text says why."""


class _TooSlow(Exception):
    pass


class Saver:
    """Of one session. `is_own_thread` tells the kernel's own threads."""

    def __init__(self, namespace, hidden, its_world, is_own_thread):
        self._namespace = namespace
        self._hidden = hidden
        self._world = its_world
        self._is_own_thread = is_own_thread
        self._threads = []
        self._random = None
        self._streams = {}
        self._reaper = None

    def begin(self, folder):
        """On the main thread, between two runs. Returns a function that waits for the end, on any thread, and returns the
        answer to `save`."""
        begun = time.perf_counter()
        # What the copy does not know any more: it has one thread, and other random numbers.
        self._threads = self._running_threads()
        self._random = world.random_state()
        self._streams = {name: getattr(sys, name) for name in ("stdout", "stderr", "stdin")}
        if not hasattr(os, "fork"):
            told = self._told(folder)
            return _Later(lambda: told, _ms_since(begun))
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            self._in_copy(folder, reader, writer)
        pause = _ms_since(begun)
        os.close(writer)
        self._reaper = threading.Thread(target=_reap, name="meshbook-reaper", args=(child,), daemon=True)
        self._reaper.start()
        return _Later(lambda: _wait_for(reader), pause)

    def settle(self):
        """Before a run: the user's `wait` must not find the process in between."""
        if self._reaper is not None:
            self._reaper.join()
            self._reaper = None

    def _in_copy(self, folder, reader, writer):
        """Never returns."""
        try:
            _leave_parent(reader, writer)
            threading.Thread(target=_end_with_reader, args=(writer,), daemon=True).start()
            gc.disable()
            os.nice(5)
            sys.stdout = sys.stderr = open(os.devnull, "w")
            data = json.dumps(self._told_at_all(folder)).encode()
            while data:
                data = data[os.write(writer, data) :]
        finally:
            # Whatever happens, it must not become a second kernel.
            os._exit(0)

    def _told_at_all(self, folder):
        try:
            return self._told(folder)
        except BaseException as error:
            return {"failed": "%s: %s" % (type(error).__name__, error)}

    def _told(self, folder):
        try:
            return self._save(folder)
        except OSError as error:
            return {"failed": "the files could not be written: %s" % error.strerror}

    def _save(self, folder):
        ends_at = time.monotonic() + _WHOLE_S
        names, modules = self._names()
        lost = list(self._threads)
        if len(names) > _VARIABLES:
            lost.append({"name": "…", "reason": "only the first %d variables are saved" % _VARIABLES})
            del names[_VARIABLES:]
        sharing = find_sharing(names, self._namespace, time.monotonic() + _SHARING_S)
        writers = Writers(folder)
        pickles = Pickles(folder, self._namespace, sharing.shared_roots, self._streams, writers)
        groups = _Groups(self._namespace, pickles, _room(folder), ends_at)
        for group in sharing.groups:
            groups.add(group)
        state, files, _ = pickles.write("world", self._random)
        written = writers.finish()
        entries = [*groups.files, *files, *(written[name] for name in sorted(written) if name in groups.buffer_files)]
        _keep_only({entry["name"] for entry in entries}, folder)
        shown = sorted(groups.variables, key=lambda each: each["name"].startswith("_"))
        body = {
            "format": FORMAT,
            "language": "python",
            "version": platform.python_version(),
            "files": entries,
            "groups": groups.groups,
            "modules": modules,
            "world": self._world.saved(),
            "random": state,
        }
        write_manifest(folder, body)
        return {
            "variables": shown[:_SHOWN],
            "more": max(0, len(shown) - _SHOWN),
            "lost": lost + groups.lost,
        }

    def _names(self):
        names = [
            name for name in list(self._namespace)
            if isinstance(name, str) and name not in self._hidden and not _hidden.match(name)
        ]
        is_module = {name: isinstance(self._namespace[name], types.ModuleType) for name in names}
        modules = world.modules_of([name for name in names if is_module[name]], self._namespace)
        known = {each["name"] for each in modules}
        return [name for name in names if name not in known], modules

    def _running_threads(self):
        running = [thread for thread in threading.enumerate() if not self._is_own_thread(thread)]
        return [{"name": "thread %s" % thread.name[:100], "reason": "a running thread is not carried over"} for thread in running]


class _Groups:
    """Writes co-variables one by one. What cannot be saved is left out of its group by name, and the rest of it stays."""

    def __init__(self, namespace, pickles, room, ends_at):
        self._namespace = namespace
        self._pickles = pickles
        self._room = room
        self._ends_at = ends_at
        self._count = 0
        self.groups = []
        self.files = []
        self.buffer_files = set()
        self.variables = []
        self.lost = []

    def add(self, names):
        values = [self._namespace[name] for name in names]
        try:
            self._write(names, values)
            return
        except Exception as error:
            if len(names) == 1:
                self._lose(names[0], error)
                return
        kept = [name for name in names if self._can_be_saved(name)]
        if not kept:
            return
        try:
            self._write(kept, [self._namespace[name] for name in kept])
        except Exception as error:
            for name in kept:
                self._lose(name, error)

    def _can_be_saved(self, name):
        try:
            with _within(self._seconds()):
                self._pickles.try_out([self._namespace[name]])
            return True
        except Exception as error:
            self._lose(name, error)
            return False

    def _seconds(self):
        return min(_GROUP_S, self._ends_at - time.monotonic())

    def _lose(self, name, error):
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise error
        if isinstance(error, _TooSlow):
            reason = "saving it took too long"
        else:
            reason = reason_of(error, self._namespace[name])
        self.lost.append({"name": name[:200], "reason": reason[:1000]})

    def _write(self, names, values):
        self._count += 1
        stem = "v%d" % self._count
        with _within(self._seconds()):
            group, files, size = self._pickles.write(stem, values)
        self._room -= size
        if self._room < 0:
            raise NotSaved("more than there is room for")
        self.groups.append({"names": names, **group})
        self.files += files
        self.buffer_files.update(place["file"] for place in group["buffers"])
        for name, value in zip(names, values):
            shown = {"name": name[:200], "type": type(value).__name__[:200]}
            self.variables.append({**shown, "bytes": size} if len(names) == 1 else shown)


class _within:
    """Raises in the pickled object's own code, or at the next piece that is written, when the time is over."""

    def __init__(self, seconds):
        self._seconds = max(0.01, seconds)
        self._works = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()

    def __enter__(self):
        if self._works:
            self._before = signal.signal(signal.SIGALRM, self._over)
            signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def _over(self, _number, _frame):
        raise _TooSlow

    def __exit__(self, *_error):
        if self._works:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)


def _keep_only(names, folder):
    """What was begun of variables that turned out to be lost is not kept."""
    for name in os.listdir(folder):
        if name not in names:
            os.unlink(os.path.join(folder, name))


def _ms_since(begun):
    return round((time.perf_counter() - begun) * 1000, 2)


def _room(folder):
    return min(_MOST_BYTES, shutil.disk_usage(folder).free - _SPARE_BYTES)


def _leave_parent(reader, writer):
    """In the copy: nothing that it does reaches the user's program. Its parent ends at once, so that the user's `wait`
    never finds it; an interrupt of the group is not for it."""
    os.close(reader)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if os.fork() != 0:
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.set_inheritable(writer, False)


def _end_with_reader(writer):
    """Whoever waits for the answer is gone, and so is the need for it."""
    poll = select.poll() if hasattr(select, "poll") else None
    if poll is None:
        return
    poll.register(writer, select.POLLERR)
    poll.poll()
    os._exit(1)


def _reap(child):
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        # A thread of the user's program waited for any child at that moment.
        return


def _wait_for(reader):
    ends_at = time.monotonic() + _WHOLE_S + 30
    data = b""
    try:
        while True:
            ready, _, _ = select.select([reader], [], [], max(0.0, ends_at - time.monotonic()))
            piece = os.read(reader, 1 << 16) if ready else b""
            if not piece:
                break
            data += piece
    finally:
        os.close(reader)
    try:
        return json.loads(data)
    except ValueError:
        return {"failed": "the copy of the session was ended before it was done (was there enough memory?)"}


class _Later:
    def __init__(self, wait, pause):
        self._wait = wait
        self.pause = pause

    def __call__(self):
        told = self._wait()
        if "failed" in told:
            raise Failed(told["failed"])
        return {"pauseMs": self.pause, **told}
