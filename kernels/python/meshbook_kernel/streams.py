"""stdout and stderr: what Python writes goes straight to the run log, what children and C code write to the file
descriptors 1 and 2 comes through two pipes. Before Python writes, the pipes are emptied, so the order is kept."""
import codecs
import io
import os
import select
import sys


class Pipes:
    """The read ends of what is now fd 1 and fd 2."""

    def __init__(self, log):
        self._log = log
        self._poll = select.poll()
        self._sources = {}
        self.begin()

    def begin(self):
        """Of a kernel, and again of a copy of it that goes on by itself."""
        self.in_child = False
        for read_end in self._sources:
            self._poll.unregister(read_end)
        self._sources.clear()
        for number, kind in ((1, "stdout"), (2, "stderr")):
            read_end, write_end = os.pipe()
            os.dup2(write_end, number)
            os.close(write_end)
            os.set_blocking(read_end, False)
            self._poll.register(read_end, select.POLLIN)
            self._sources[read_end] = (kind, codecs.getincrementaldecoder("utf-8")("replace"))

    def fds(self):
        return list(self._sources)

    def drain(self):
        """Called with the lock: takes everything that is in the pipes now, waiting for room in the log."""
        while self._poll.poll(0):
            self._log.wait_for_room()
            self.read_once()

    def read_once(self):
        """Called with the lock."""
        for fd, _ in self._poll.poll(0):
            kind, decoder = self._sources[fd]
            try:
                data = os.read(fd, 65536)
            except BlockingIOError:
                continue
            text = decoder.decode(data)
            if text:
                self._log.add_text(kind, text)

    def finish(self):
        """Called with the lock, at the end of a run: what is left of a broken character is shown as such."""
        self.drain()
        for kind, decoder in self._sources.values():
            rest = decoder.decode(b"", True)
            decoder.reset()
            if rest:
                self._log.add_text(kind, rest)


class _Bytes(io.RawIOBase):
    """`sys.stdout.buffer`: bytes go the way of the children's."""

    def __init__(self, number):
        self._number = number

    def writable(self):
        return True

    def fileno(self):
        return self._number

    def write(self, data):
        view = memoryview(data).cast("B")
        while view:
            view = view[os.write(self._number, view) :]
        return memoryview(data).nbytes


class TextStream(io.TextIOBase):
    encoding = "utf-8"
    errors = "replace"
    newlines = None

    def __init__(self, kind, number, log, pipes, shield):
        self.name = "<%s>" % kind
        self.mode = "w"
        self._kind = kind
        self._number = number
        self._log = log
        self._pipes = pipes
        self._shield = shield
        self.buffer = _Bytes(number)

    def fileno(self):
        return self._number

    def writable(self):
        return True

    def isatty(self):
        return False

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text).__name__)
        if self._pipes.in_child:
            self.buffer.write(text.encode("utf-8", "replace"))
        elif text:
            with self._shield, self._log.lock:
                self._pipes.drain()
                self._log.wait_for_room()
                self._log.add_text(self._kind, text)
        return len(text)

    def flush(self):
        if self._pipes.in_child:
            return
        with self._shield, self._log.lock:
            self._log.flush_soon()

    def reconfigure(self, **_options):
        """Accepted, as programs call it on sys.stdout; the stream is always UTF-8 and never buffers a line."""


class InputStream(io.TextIOBase):
    """sys.stdin: each line is asked for like `input()`."""

    name = "<stdin>"
    mode = "r"
    encoding = "utf-8"

    def __init__(self, ask):
        self._ask = ask

    def readable(self):
        return True

    def readline(self, _size=-1):
        return self._ask("", False) + "\n"

    def read(self, _size=-1):
        return self.readline()

    def __next__(self):
        return self.readline()


def install(log, pipes, shield, ask):
    sys.stdout = sys.__stdout__ = TextStream("stdout", 1, log, pipes, shield)
    sys.stderr = sys.__stderr__ = TextStream("stderr", 2, log, pipes, shield)
    sys.stdin = sys.__stdin__ = InputStream(ask)
