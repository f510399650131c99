"""The copy of the kernel that is dumped in its place (KN53, KN54). It waits, as a process of nobody's, until a file says
where it is to go on; that is usually on another machine, where it finds itself with other process numbers and clocks."""
import json
import os
import re
import secrets
import select
import threading
import time

from . import introspect, world

FORK_WAIT_MS = 600_000
_POLL_S = 0.01
_BEGIN_S = 30
_QUIET_S = 2
_VARIABLES_S = 0.5
_MEMORY = "/dev/shm"
_STALE_S = 3 * FORK_WAIT_MS / 1000
_watched = re.compile(r"meshbook-[0-9a-f]{32}\Z")

#: What `fork` returns in the copy, once it goes on.
RESUMED = object()


class Failed(Exception):
    """There is no copy; the text says why."""


def is_possible():
    return os.path.isdir(_MEMORY) and hasattr(os, "fork")


class Copier:
    """`quiet` is held by whoever answers a question: a lock that is held in the middle of it would stay so in the copy."""

    def __init__(self, wait_ms, namespace, hidden, quiet, is_own_thread):
        self._polls = int(wait_ms / 1000 / _POLL_S)
        self._namespace = namespace
        self._hidden = hidden
        self._quiet = quiet
        self._is_own_thread = is_own_thread
        self._reaper = None

    def state(self):
        threads = [thread for thread in threading.enumerate() if not self._is_own_thread(thread)]
        return {"threads": len(threads), "children": len(_children())}

    def fork(self, resume):
        """On the main thread, between two runs. Returns a function that waits for the copy on any thread. In the copy it
        calls `resume` with what the file says, and returns RESUMED."""
        if not self._quiet.acquire(timeout=_QUIET_S):
            raise Failed("a question is being answered")
        try:
            state, random_state = self.state(), world.random_state()
            reader, writer = os.pipe()
            begun = time.perf_counter()
            child = os.fork()
            if child == 0:
                self._in_copy(reader, writer, random_state, resume)
                return RESUMED
            pause = round((time.perf_counter() - begun) * 1000, 2)
        finally:
            self._quiet.release()
        os.close(writer)
        self._reaper = threading.Thread(target=_reap, name="meshbook-reaper", args=(child,), daemon=True)
        self._reaper.start()
        return lambda: {"pauseMs": pause, **state, **_told(reader)}

    def settle(self):
        """Before a run: the user's `wait` must not find the process in between."""
        if self._reaper is not None:
            self._reaper.join()
            self._reaper = None

    def _in_copy(self, reader, writer, random_state, resume):
        """Returns only when the copy goes on. The process in between ends at once, so that the copy is no child of ours."""
        try:
            os.close(reader)
            if os.fork() != 0:
                os._exit(0)
            os.setsid()
            # Its own folder may be missing where it wakes.
            os.chdir("/")
            _let_go_of_streams()
            world.set_random_state(random_state)
            begun_at = time.monotonic()
            folder = "%s/meshbook-%s" % (_MEMORY, secrets.token_hex(16))
            _sweep()
            os.mkdir(folder, 0o700)
            told = {"pid": os.getpid(), "watches": folder}
            told.update(introspect.summary(self._namespace, self._hidden, time.monotonic() + _VARIABLES_S))
            _write_all(writer, json.dumps(told).encode())
            os.close(writer)
            config = self._wait(os.path.join(folder, "resume.json"))
            os.rmdir(folder)
            if config is None:
                os._exit(0)
            resume(config, time.monotonic() - begun_at)
        except BaseException:
            os._exit(1)

    def _wait(self, path):
        """Counts its looks: the clock of the machine that it wakes on is another."""
        for _ in range(self._polls):
            try:
                with open(path, encoding="utf-8") as file:
                    config = json.load(file)
            except (FileNotFoundError, ValueError):
                time.sleep(_POLL_S)
                continue
            os.unlink(path)
            return config
        return None


def _sweep():
    """Folders of copies that were dumped when nobody was left to remove them: empty, and older than any copy waits."""
    for name in os.listdir(_MEMORY):
        path = os.path.join(_MEMORY, name)
        try:
            if _watched.match(name) and time.time() - os.stat(path).st_mtime > _STALE_S:
                os.rmdir(path)
        except OSError:
            continue


def _let_go_of_streams():
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nothing, fd)
    os.close(nothing)


def _write_all(fd, data):
    while data:
        data = data[os.write(fd, data) :]


def _reap(child):
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        return


def _told(reader):
    ends_at = time.monotonic() + _BEGIN_S
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
        raise Failed("the copy of the kernel ended at once") from None


def _children():
    """Of this process and of those, that live."""
    found, fresh = set(), ["self"]
    while fresh:
        fresh = [child for pid in fresh for child in _children_of(pid) if child not in found]
        found.update(fresh)
    return found


def _children_of(pid):
    children = []
    try:
        for task in os.listdir("/proc/%s/task" % pid):
            with open("/proc/%s/task/%s/children" % (pid, task), encoding="ascii") as file:
                children += file.read().split()
    except OSError:
        return children
    return [child for child in children if _lives(child)]


def _lives(pid):
    try:
        with open("/proc/%s/stat" % pid, encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
