"""Events of the last runs, numbered, kept until the host has acknowledged them (KN12 to KN16).

Owns the one lock of the kernel. It knows nothing of sockets: what is new is told to `listener`.
"""
import collections
import json
import re
import struct
import threading
import time

KEPT_RUNS = 100
COALESCE_S = 0.012
LINE_START_S = 0.002
TEXT_UNITS = 64 * 1024
ORPHAN_UNITS = 64 * 1024
_surrogates = re.compile("[\ud800-\udfff]")


def encode(message):
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    body = _surrogates.sub("\ufffd", body).encode("utf-8")
    return struct.pack(">I", len(body)) + body


class Run:
    def __init__(self, run_id, code, name):
        self.id = run_id
        self.code = code
        self.name = name
        self.last = 0
        self.acked = 0
        self.ended = False
        self.events = collections.deque()
        self.bytes = 0

    def append(self, event):
        self.last += 1
        frame = encode({"run": self.id, "n": self.last, "event": event})
        self.events.append((self.last, frame))
        self.bytes += len(frame)
        return frame

    def ack(self, n):
        """How it ended is kept: whoever did not hear of it may ask again (KN13)."""
        self.acked = max(self.acked, min(n, self.last))
        while self.events and self.events[0][0] <= n and not (self.ended and self.events[0][0] == self.last):
            self.bytes -= len(self.events.popleft()[1])

    def after(self, n):
        """Frames above n, oldest first."""
        return [frame for number, frame in self.events if number > n]


class RunLog:
    def __init__(self, unacked_bytes, shield):
        # Held during fork(), in which Python may print a warning.
        self.lock = threading.RLock()
        self.room = threading.Condition(self.lock)
        self.runs = collections.OrderedDict()
        self.current = None
        self.listener = None
        self.drain = None
        self._unacked_bytes = unacked_bytes
        self._shield = shield
        self._kind = None
        self._chunks = []
        self._units = 0
        self._flushed_at = 0.0
        self._due = None
        self._orphans = collections.deque()
        self._orphan_units = 0

    def begin(self, run):
        """Called with the lock."""
        self.runs[run.id] = run
        for old in [key for key, kept in self.runs.items() if kept.ended][: max(0, len(self.runs) - KEPT_RUNS)]:
            del self.runs[old]
        self.current = run
        self._flushed_at = 0.0
        self._emit(run, {"type": "started"})
        orphans, self._orphans, self._orphan_units = self._orphans, collections.deque(), 0
        for kind, text in orphans:
            self.add_text(kind, text)

    def emit(self, event):
        with self._shield, self.lock:
            if self.current is not None:
                if self.drain is not None:
                    self.drain()
                self.flush()
                self._emit(self.current, event)

    def end(self, event):
        """The terminal event of the current run."""
        with self.lock:
            run = self.current
            self.flush()
            run.ended = True
            self.current = None
            self._emit(run, event)

    def _emit(self, run, event):
        frame = run.append(event)
        if self.listener is not None:
            self.listener.on_event(run, frame)

    def copied(self):
        """In a copy of the process: its one thread holds the lock since then, and what was about to run runs elsewhere."""
        for run_id in [run_id for run_id, run in self.runs.items() if not run.ended]:
            del self.runs[run_id]
        while self.lock._is_owned():
            self.lock.release()

    def has_room(self):
        return self.current is None or self.current.bytes < self._unacked_bytes

    def wait_for_room(self):
        """Called with the lock. Blocks the producer until the host has caught up; an interrupt breaks it."""
        while not self.has_room():
            self._shield.open_in_main(self.room.wait)

    def add_text(self, kind, text):
        """Called with the lock. Text is gathered for some milliseconds; what follows a pause goes at once."""
        if self.current is None:
            self._keep_orphan(kind, text)
            return
        if self._kind != kind:
            self.flush()
            self._kind = kind
        self._chunks.append(text)
        self._units += len(text)
        now = time.monotonic()
        self._flushed_at = min(self._flushed_at, now)
        if self._units >= TEXT_UNITS // 2 or (now - self._flushed_at > COALESCE_S and _ends_line(text)):
            self.flush()
        elif self._due is None:
            self._due = max(self._flushed_at + COALESCE_S, now + LINE_START_S)
            if self.listener is not None:
                self.listener.wake()

    def _keep_orphan(self, kind, text):
        """Printed between runs by a thread or a child: belongs to the next run; the newest is kept."""
        self._orphans.append((kind, text[-ORPHAN_UNITS:]))
        self._orphan_units += len(self._orphans[-1][1])
        while self._orphan_units > ORPHAN_UNITS and len(self._orphans) > 1:
            self._orphan_units -= len(self._orphans.popleft()[1])

    def flush(self):
        """Called with the lock."""
        self._due = None
        if not self._units:
            return
        text = "".join(self._chunks)
        self._chunks.clear()
        self._units = 0
        self._flushed_at = time.monotonic()
        for start in range(0, len(text), TEXT_UNITS):
            self._emit(self.current, {"type": self._kind, "text": text[start : start + TEXT_UNITS]})

    def flush_soon(self):
        """Called with the lock: the user asked for a flush; more often than every COALESCE_S it is put off."""
        if self._units and time.monotonic() - self._flushed_at > COALESCE_S:
            self.flush()

    def flush_due(self):
        """Called with the lock. What is due long from now was so by the clock of another machine."""
        if self._due is not None and not 0 < self._due - time.monotonic() < 1:
            self.flush()

    def seconds_to_flush(self):
        return None if self._due is None else min(1.0, max(0.0, self._due - time.monotonic()))


def _ends_line(text):
    return text.endswith("\n") or "\r" in text
