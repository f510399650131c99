"""The session: runs one cell at a time on the main thread, and answers what the host asks (KN20 to KN33)."""
import builtins
import getpass
import os
import platform
import queue
import signal
import sys
import threading
import time
import types
import warnings

from . import copying, introspect, loading, rich, saved_folder, saving, streams, tracebacks
from .cells import Cells
from .runlog import Run, RunLog
from .shield import Shield
from .wire import Server
from .world import World

PROTOCOL = 1
#: A copy that goes on and that nobody has greeted by then is nobody's.
_ALONE_S = 120


class _Exit(Exception):
    """Told to the main loop when the kernel is shut down."""


class Session:
    def __init__(self, config):
        limits = config["limits"]
        self._pid = os.getpid()
        self._input_bytes = limits["inputBytes"]
        self._shield = Shield()
        self._log = RunLog(limits["unackedBytes"], self._shield)
        self._pipes = streams.Pipes(self._log)
        self._log.drain = self._pipes.drain
        self._display = rich.Display(self._log, limits["displayBytes"])
        self._orders = queue.SimpleQueue()
        self._questions = queue.SimpleQueue()
        self._asked = {}
        self._inputs = 0
        self._sources = tracebacks.Sources()
        self._server = Server(config, self._log, self._pipes, self._on_request)
        self._libc = _libc()
        self._world = World()
        self._install()
        self._saver = saving.Saver(self._namespace, self._hidden, self._world, _is_own_thread)
        self._answering = threading.Lock()
        wait_ms = limits.get("forkWaitMs", copying.FORK_WAIT_MS)
        self._copier = copying.Copier(wait_ms, self._namespace, self._hidden, self._answering, _is_own_thread)

    def _install(self):
        self._shield.install()
        streams.install(self._log, self._pipes, self._shield, self._ask)
        builtins.input = lambda prompt="": self._ask(str(prompt), False)
        getpass.getpass = lambda prompt="Password: ", stream=None: self._ask(prompt, True)
        builtins.display = self._display.display
        builtins.update_display = self._display.update_display
        builtins.clear_output = self._display.clear_output
        rich.quiet_agg()
        # The thread of the wire is no reason to warn: a forked child never touches what it shares with us.
        warnings.filterwarnings("ignore", message="This process .* is multi-threaded", category=DeprecationWarning)
        os.register_at_fork(
            before=self._log.lock.acquire, after_in_parent=self._log.lock.release, after_in_child=self._in_child
        )
        # The user's names live in the module that pickle and `import __main__` find.
        self._module = types.ModuleType("__main__")
        self._module.__builtins__ = builtins
        sys.modules["__main__"] = self._module
        self._namespace = self._module.__dict__
        self._hidden = set(self._namespace)
        self._cells = Cells(self._namespace, self._show_result)

    def _in_child(self):
        """After fork(): the child writes to the pipes like any other child and shares nothing else with us."""
        if self._pipes.in_child:
            return
        self._pipes.in_child = True
        self._log.listener = self._log.current = None
        self._server.leave()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def _start_threads(self):
        self._server.start()
        threading.Thread(target=self._answer_questions, name="meshbook-questions", daemon=True).start()

    def serve(self):
        self._start_threads()
        while True:
            try:
                order = self._next_order()
            except _Exit:
                return
            if isinstance(order, Run):
                self._run_cell(order)
            else:
                order()

    def _next_order(self):
        """Waits for an order; tasks that a cell left in the event loop go on meanwhile."""
        order = self._cells.wait_in_loop(self._orders.get)
        if order is None:
            order = self._orders.get()
        if isinstance(order, _Exit):
            raise order
        return order

    # Requests of the host, on the thread of the wire.

    def _on_request(self, client, kind, message):
        handler = getattr(self, "_on_" + str(kind).replace("-", "_"), None)
        if handler is None:
            self._refuse(client, message, "UNKNOWN", "no such request: %s" % kind)
            return
        try:
            handler(client, message)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._refuse(client, message, "BAD_REQUEST", "%s: %r" % (type(error).__name__, error))

    def _reply(self, client, message, result):
        if "id" in message:
            self._server.reply(client, {"id": message["id"], "ok": True, "result": result})

    def _refuse(self, client, message, code, detail):
        self._server.reply(client, {"id": message.get("id", 0), "ok": False, "code": code, "detail": detail})

    def _on_hello(self, client, message):
        version = platform.python_version()
        kernel = "%s %s" % (platform.python_implementation().replace("CPython", "Python"), version)
        self._reply(client, message, {"protocol": PROTOCOL, "kernel": kernel, "version": version, **_abilities()})

    def _on_execute(self, client, message):
        run_id, code, name = str(message["run"]), str(message["code"]), str(message["name"])
        with self._log.lock:
            known = self._log.runs.get(run_id)
            busy = known is None and self._log.current is not None
            if known is not None:
                self._server.attach(client, known, 0)
            elif not busy:
                run = Run(run_id, code, name)
                client.sent[run_id] = 0
                self._shield.want(False)
                self._log.begin(run)
        if busy:
            self._refuse(client, message, "BUSY", "another run is in progress")
            return
        if known is None:
            self._orders.put(run)
        self._reply(client, message, {"known": known is not None})

    def _on_attach(self, client, message):
        with self._log.lock:
            run = self._log.runs.get(str(message["run"]))
            if run is not None:
                self._server.attach(client, run, int(message["after"]))
        known = {"known": False} if run is None else {"known": True, "ended": run.ended, "last": run.last}
        self._reply(client, message, known)

    def _on_ack(self, _client, message):
        with self._log.lock:
            run = self._log.runs.get(str(message["run"]))
            if run is not None:
                run.ack(int(message["n"]))
                self._log.room.notify_all()

    def _on_input(self, client, message):
        text = str(message["text"])[: self._input_bytes]
        with self._log.lock:
            current = self._log.current is not None and self._log.current.id == str(message["run"])
            wanted = message.get("request") or next(iter(self._asked), None)
            answer = self._asked.pop(wanted, None) if current else None
        if answer is not None:
            answer.put(text)
        self._reply(client, message, {"accepted": answer is not None})

    def _on_interrupt(self, client, message):
        with self._log.lock:
            running = self._log.current is not None and self._log.current.id == str(message["run"])
            if running:
                self._shield.want(True)
        if running:
            self._signal_group()
        self._reply(client, message, {"running": running})

    def _signal_group(self):
        """As Ctrl-C at a terminal: this process, its children that did not leave the group, and blocking calls."""
        if os.getpgrp() == self._pid:
            os.killpg(self._pid, signal.SIGINT)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    def _on_shutdown(self, client, message):
        self._reply(client, message, {})
        self._orders.put(_Exit())
        if self._log.current is not None:
            self._shield.want(True)
            self._signal_group()

    def _on_complete(self, client, message):
        code, cursor = str(message["code"]), int(message["cursor"])
        self._ask_later(client, message, lambda: introspect.complete(code, cursor, self._namespace))

    def _on_inspect(self, client, message):
        code, cursor = str(message["code"]), int(message["cursor"])
        self._ask_later(client, message, lambda: introspect.look_up(code, cursor, self._namespace))

    def _on_variables(self, client, message):
        self._ask_later(client, message, lambda: introspect.variables(self._namespace, self._hidden))

    def _on_state(self, client, message):
        self._reply(client, message, {"pid": self._pid, **self._copier.state()})

    def _on_fork(self, client, message):
        place = self._world.place()
        self.between_runs(client, message, lambda: self._copier.fork(lambda *new: self._resume(place, *new)))

    def _resume(self, place, config, seconds):
        """In a copy: goes on as a kernel of its own, `seconds` after it was made, by the clock that is now."""
        self._pid = os.getpid()
        self._input_bytes = config["limits"]["inputBytes"]
        self._world.move(config["cwd"], place)
        self._cells.shift_clock(seconds)
        self._orders, self._questions, self._asked = queue.SimpleQueue(), queue.SimpleQueue(), {}
        self._pipes.begin()
        self._server = Server(config, self._log, self._pipes, self._on_request)
        self._log.copied()
        self._shield.install()
        self._start_threads()
        threading.Thread(target=self._end_alone, name="meshbook-alone", daemon=True).start()

    def _end_alone(self):
        time.sleep(_ALONE_S)
        if not self._server.was_greeted:
            os._exit(0)

    def _on_save(self, client, message):
        folder = str(message["folder"])
        self.between_runs(client, message, lambda: self._saver.begin(folder))

    def _on_load(self, client, message):
        folder = str(message["folder"])
        self.between_runs(client, message, lambda: loading.load(folder, self._namespace, self._world))

    def between_runs(self, client, message, work):
        """Does it on the main thread, and replies with what it returns; if that is a function, with what this returns on
        a thread of its own."""
        with self._log.lock:
            busy = self._log.current is not None
            if not busy:
                self._orders.put(lambda: self._answer_with(client, message, work))
        if busy:
            self._refuse(client, message, "BUSY", "a run is in progress")

    def _answer_with(self, client, message, work):
        try:
            result = work()
        except saved_folder.Damaged as error:
            self._refuse(client, message, "DAMAGED", str(error))
        except Exception as error:
            self._refuse(client, message, "FAILED", "%s: %s" % (type(error).__name__, error))
        else:
            if result is copying.RESUMED:
                return
            if not callable(result):
                self._reply(client, message, result)
                return
            args = (client, message, result)
            threading.Thread(target=self._answer_with, name="meshbook-later", args=args, daemon=True).start()

    def _ask_later(self, client, message, answer):
        self._questions.put((client, message, answer))

    def _answer_questions(self):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while True:
            client, message, answer = self._questions.get()
            try:
                with self._answering:
                    result = answer()
                self._reply(client, message, result)
            except Exception as error:
                self._refuse(client, message, "FAILED", "%s: %s" % (type(error).__name__, error))

    # What user code asks of the host, on the user's threads.

    def _ask(self, prompt, password):
        if self._pipes.in_child or self._log.current is None:
            raise EOFError("input is only possible while a cell runs")
        answer = queue.SimpleQueue()
        with self._shield:
            with self._log.lock:
                self._inputs += 1
                name = "%s-%d" % (self._log.current.id[:100], self._inputs)
                self._asked[name] = answer
            self._log.emit({"type": "input-request", "id": name, "prompt": prompt[:10000], "password": password})
            try:
                text = self._shield.open_in_main(answer.get)
            finally:
                with self._log.lock:
                    self._asked.pop(name, None)
            self._log.emit({"type": "input-answered", "id": name})
        return text

    # One cell, on the main thread.

    def _run_cell(self, run):
        self._copier.settle()
        self._saver.settle()
        filename = self._sources.add(run.name, run.code)
        try:
            self._shield.open(lambda: self._cells.execute(run.code, filename))
            self._shield.open(self._display.show_figures)
            event = {"type": "completed"}
        except BaseException as error:
            event = self._ending(error)
        if os.getpid() != self._pid:
            # The cell forked and the child came back here: it must not become a second kernel.
            os._exit(0 if event["type"] == "completed" else 1)
        self._finish(event)

    def _show_result(self, value):
        self._log.emit({"type": "result", "parts": rich.parts_of(value, self._display.display_bytes)})

    def _ending(self, error):
        if isinstance(error, KeyboardInterrupt) and self._shield.wanted:
            return {"type": "cancelled"}
        if isinstance(error, SystemExit):
            if error.code in (None, 0):
                return {"type": "completed"}
            error = SystemExit("exit status %s" % (error.code,))
        return {"type": "failed", "error": tracebacks.describe(error)}

    def _finish(self, event):
        if self._libc is not None:
            self._libc.fflush(None)
        with self._log.lock:
            self._pipes.finish()
            self._asked.clear()
        self._shield.want(False)
        self._log.end(event)


def _abilities():
    return {"saves": True, "forks": copying.is_possible()}


def _is_own_thread(thread):
    return thread is threading.main_thread() or thread.name.startswith("meshbook-")


def _libc():
    """C code buffers its output where it is not a terminal; after a cell it is flushed through this."""
    try:
        import ctypes

        return ctypes.CDLL(None)
    except (ImportError, OSError):
        return None
