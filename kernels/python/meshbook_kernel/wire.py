"""The TCP listener: one authenticated client, frames of a length and JSON (KN1 to KN11).

One thread does all of it: accepts, reads requests, sends events, empties the pipes, flushes text that is due. The
thread that produces an event sends it itself when nothing else is waiting, so that output leaves without a switch.
"""
import errno
import hmac
import json
import os
import selectors
import signal
import socket
import struct
import threading
import time

from .runlog import encode

HELLO_BYTES = 4096
HELLO_S = 10
OUT_BYTES = 1 << 20


class Client:
    def __init__(self, sock):
        self.sock = sock
        self.authenticated = False
        self.opened_at = time.monotonic()
        self.received = bytearray()
        self.out = bytearray()
        self.sent = {}
        self.closed = False


class Server:
    def __init__(self, config, log, pipes, requests):
        self._token = config["token"].encode()
        self._frame_bytes = config["limits"]["frameBytes"]
        self._log = log
        self._pipes = pipes
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server((config["address"], config["port"]), backlog=8)
        self._listener.setblocking(False)
        self._waker, self._wake_end = socket.socketpair()
        self._waker.setblocking(False)
        self._wake_end.setblocking(False)
        self._clients = {}
        self._current = None
        self._woken = False
        self._pipes_watched = False
        #: Somebody has shown the token.
        self.was_greeted = False
        log.listener = self

    def start(self):
        self._selector.register(self._listener, selectors.EVENT_READ, "accept")
        self._selector.register(self._wake_end, selectors.EVENT_READ, "wake")
        threading.Thread(target=self._run, name="meshbook-wire", daemon=True).start()

    def leave(self):
        """In a forked child: the listener and its connections are the parent's alone."""
        for fd in [self._listener, self._waker, self._wake_end, *self._clients]:
            os.close(fd.detach())
        os.close(self._selector.fileno())
        for fd in self._pipes.fds():
            os.close(fd)

    def wake(self):
        if not self._woken:
            self._woken = True
            try:
                self._waker.send(b"x")
            except BlockingIOError:
                self._woken = True

    def on_event(self, run, frame):
        """Called with the lock, by the thread that made the event."""
        client = self._current
        if client is None or run.id not in client.sent:
            return
        if client.out or client.sent[run.id] != run.last - 1:
            self.wake()
            return
        client.sent[run.id] = run.last
        client.out += frame
        self._send(client)
        if client.out:
            self.wake()

    def reply(self, client, message):
        """Answers a request from any thread."""
        with self._log.lock:
            client.out += encode(message)
            self._send(client)
            if client.out:
                self.wake()

    def attach(self, client, run, after):
        """Called with the lock."""
        client.sent[run.id] = max(after, run.acked)
        if run.ended and after < run.last:
            client.sent[run.id] = min(client.sent[run.id], run.last - 1)
        self.wake()

    def _run(self):
        try:
            self._loop()
        except BaseException:
            # Without this thread nobody can reach the kernel: better a dead kernel than a deaf one.
            os._exit(70)

    def _loop(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        while True:
            with self._log.lock:
                self._watch_pipes()
                timeout = self._log.seconds_to_flush()
            if any(not client.authenticated for client in self._clients.values()):
                timeout = min(1.0, timeout if timeout is not None else 1.0)
            ready = self._selector.select(timeout)
            if not ready:
                self._drop_silent()
            for key, mask in ready:
                self._serve(key, mask)
            with self._log.lock:
                self._log.flush_due()
                self._pump()

    def _watch_pipes(self):
        """No room in the log: the children's pipes are left full until the host has caught up."""
        wanted = self._log.has_room()
        if wanted == self._pipes_watched:
            return
        self._pipes_watched = wanted
        for fd in self._pipes.fds():
            if wanted:
                self._selector.register(fd, selectors.EVENT_READ, "pipe")
            else:
                self._selector.unregister(fd)

    def _serve(self, key, mask):
        if key.data == "accept":
            self._accept()
        elif key.data == "wake":
            self._woken = False
            self._wake_end.recv(4096)
        elif key.data == "pipe":
            with self._log.lock:
                if self._log.has_room():
                    self._pipes.read_once()
        elif mask & selectors.EVENT_READ:
            self._read(key.data)

    def _accept(self):
        sock, _ = self._listener.accept()
        if len(self._clients) >= 8:
            sock.close()
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(sock)
        self._clients[sock] = client
        self._selector.register(sock, selectors.EVENT_READ, client)

    def _drop_silent(self):
        now = time.monotonic()
        for client in list(self._clients.values()):
            if not client.authenticated and now - client.opened_at > HELLO_S:
                self._close(client)

    def _close(self, client):
        with self._log.lock:
            if client.closed:
                return
            client.closed = True
            if self._current is client:
                self._current = None
        del self._clients[client.sock]
        self._selector.unregister(client.sock)
        client.sock.close()

    def _read(self, client):
        try:
            data = client.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(client)
            return
        client.received += data
        while not client.closed and len(client.received) >= 4:
            (size,) = struct.unpack_from(">I", client.received)
            if size > (self._frame_bytes if client.authenticated else HELLO_BYTES):
                self._close(client)
                return
            if len(client.received) < 4 + size:
                return
            body = bytes(client.received[4 : 4 + size])
            del client.received[: 4 + size]
            self._take(client, body)

    def _take(self, client, body):
        try:
            message = json.loads(body)
            kind = message["type"]
        except (ValueError, TypeError, KeyError):
            self._close(client)
            return
        if client.authenticated:
            self._requests(client, kind, message)
        elif kind == "hello" and hmac.compare_digest(str(message.get("token", "")).encode(), self._token):
            self._welcome(client, message)
        else:
            self._close(client)

    def _welcome(self, client, message):
        for other in list(self._clients.values()):
            if other is not client and other.authenticated:
                self._close(other)
        client.authenticated = self.was_greeted = True
        with self._log.lock:
            self._current = client
        self._requests(client, "hello", message)

    def _pump(self):
        """Called with the lock: sends what is waiting, a bounded piece at a time."""
        client = self._current
        if client is None:
            return
        for run_id in list(client.sent):
            run = self._log.runs.get(run_id)
            if run is None or (run.ended and client.sent[run_id] >= run.last):
                del client.sent[run_id]
                continue
            for number, frame in run.events:
                if len(client.out) > OUT_BYTES:
                    break
                if number > client.sent[run_id]:
                    client.out += frame
                    client.sent[run_id] = number
        self._send(client)
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.out else 0)
        if not client.closed and self._selector.get_key(client.sock).events != events:
            self._selector.modify(client.sock, events, client)

    def _send(self, client):
        while client.out and not client.closed:
            try:
                sent = client.sock.send(client.out)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.EBADF, errno.ENOTCONN):
                    raise
                client.out.clear()
                return
            del client.out[:sent]
