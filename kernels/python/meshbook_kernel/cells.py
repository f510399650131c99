"""Compiles and runs the text of a cell in the user's namespace. It knows nothing of the wire."""
import ast
import concurrent.futures
import inspect
import threading


class Cells:
    def __init__(self, namespace, show_result):
        self._namespace = namespace
        self._show_result = show_result
        self._loop = None

    def execute(self, code, filename):
        """Runs the statements; the value of a last expression is the result, unless a semicolon ends it."""
        tree = compile(code, filename, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        self._evaluate(tree, filename, "exec")
        if last is None:
            return
        value = self._evaluate(ast.Expression(last.value), filename, "eval")
        if value is not None and not code.rstrip().endswith(";"):
            self._namespace["_"] = value
            self._show_result(value)

    def _evaluate(self, tree, filename, mode):
        code = compile(tree, filename, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        value = eval(code, self._namespace)
        if code.co_flags & inspect.CO_COROUTINE:
            return self._await(value)
        return value

    def _await(self, coroutine):
        import asyncio

        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(task)
        except BaseException:
            if not task.done():
                task.cancel()
                self._loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
            raise

    def shift_clock(self, seconds):
        """What waits in the event loop does so for as long as was left, by whatever clock."""
        for handle in getattr(self._loop, "_scheduled", ()):
            handle._when += seconds

    def wait_in_loop(self, get):
        """Calls `get` on another thread while the tasks that cells have left go on; None at once if there are none."""
        if self._loop is None or self._loop.is_closed():
            return None
        import asyncio

        if not asyncio.all_tasks(self._loop):
            return None
        order = concurrent.futures.Future()
        threading.Thread(target=lambda: order.set_result(get()), name="meshbook-order", daemon=True).start()
        try:
            return self._loop.run_until_complete(asyncio.wrap_future(order, loop=self._loop))
        except RuntimeError:
            # A task has stopped the loop. The order will still come to the thread that waits for it.
            return order.result()
