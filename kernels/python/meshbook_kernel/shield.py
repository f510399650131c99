"""Decides when SIGINT may raise KeyboardInterrupt in the main thread.

The main thread runs the user's code and, called from it, ours. An exception in the middle of ours would leave a frame
half sent, so the signal is only noted there and raised when our code returns to the user's.
"""
import signal
import threading

_main = threading.main_thread().ident


class Shield:
    def __init__(self):
        self._depth = 1
        self._pending = False
        self._wanted = False

    def install(self):
        signal.signal(signal.SIGINT, self._on_signal)

    def want(self, wanted):
        """An interrupt was asked for; without it SIGINT is somebody else's and ignored between runs."""
        self._wanted = wanted
        if not wanted:
            self._pending = False

    @property
    def wanted(self):
        return self._wanted

    def _on_signal(self, _number, _frame):
        if not self._wanted:
            return
        if self._depth:
            self._pending = True
            return
        raise KeyboardInterrupt

    def open(self, call):
        """Runs `call` so that an interrupt reaches it."""
        before = self._depth
        try:
            self._depth = 0
            if self._pending:
                self._pending = False
                raise KeyboardInterrupt
            return call()
        finally:
            self._depth = before

    def open_in_main(self, call):
        return self.open(call) if threading.get_ident() == _main else call()

    def __enter__(self):
        if threading.get_ident() == _main:
            self._depth += 1

    def __exit__(self, kind, _value, _tb):
        if threading.get_ident() != _main:
            return
        self._depth -= 1
        if self._depth == 0 and self._pending and kind is None:
            self._pending = False
            raise KeyboardInterrupt
