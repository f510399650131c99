"""What would come back dead: kinds of objects that stand for something outside of the process, or for a place in running
code, and how that is said in plain words (KN51)."""
import functools

_FILE = "an open file"
_NETWORK = "an open network connection"
_PROCESS = "a process"
_THREAD = "a thread"
_LOCK = "a lock"
_RUNNING = "code that stands in its middle"
_DATABASE = "an open database connection"
_POOL = "a pool of workers"
_LOOP = "an event loop or one of its tasks"
_MEMORY = "an address in memory"
_WEAK = "a weak reference"

_KINDS = {
    "_io.FileIO": _FILE,
    "_io.BufferedReader": _FILE,
    "_io.BufferedWriter": _FILE,
    "_io.BufferedRandom": _FILE,
    "_io.BufferedRWPair": _FILE,
    "_io.TextIOWrapper": _FILE,
    "tempfile._TemporaryFileWrapper": _FILE,
    "tempfile.TemporaryDirectory": "a temporary folder",
    "gzip.GzipFile": _FILE,
    "bz2.BZ2File": _FILE,
    "lzma.LZMAFile": _FILE,
    "zipfile.ZipFile": _FILE,
    "tarfile.TarFile": _FILE,
    "_csv.reader": "a reader of a file",
    "_csv.Reader": "a reader of a file",
    "_csv.writer": "a writer of a file",
    "_csv.Writer": "a writer of a file",
    "mmap.mmap": "a file that is mapped into memory",
    "posix.ScandirIterator": "an open folder",
    "_socket.socket": _NETWORK,
    "ssl.SSLObject": _NETWORK,
    "_ssl._SSLContext": _NETWORK,
    "http.client.HTTPConnection": _NETWORK,
    "http.client.HTTPResponse": _NETWORK,
    "multiprocessing.connection._ConnectionBase": _NETWORK,
    "multiprocessing.connection.Listener": _NETWORK,
    "select.epoll": _NETWORK,
    "select.poll": _NETWORK,
    "select.kqueue": _NETWORK,
    "selectors.BaseSelector": _NETWORK,
    "zmq.backend.cython.context.Context": _NETWORK,
    "zmq.backend.cython.socket.Socket": _NETWORK,
    "zmq.sugar.context.Context": _NETWORK,
    "zmq.sugar.socket.Socket": _NETWORK,
    "subprocess.Popen": _PROCESS,
    "asyncio.subprocess.Process": _PROCESS,
    "multiprocessing.process.BaseProcess": _PROCESS,
    "threading.Thread": _THREAD,
    "_thread._local": "what belongs to a thread",
    "_thread.lock": _LOCK,
    "_thread.RLock": _LOCK,
    "threading._RLock": _LOCK,
    "threading.Condition": _LOCK,
    "threading.Semaphore": _LOCK,
    "threading.Event": _LOCK,
    "threading.Barrier": _LOCK,
    "multiprocessing.synchronize.SemLock": _LOCK,
    "multiprocessing.synchronize.Condition": _LOCK,
    "multiprocessing.synchronize.Event": _LOCK,
    "queue.Queue": "a queue between threads",
    "_queue.SimpleQueue": "a queue between threads",
    "multiprocessing.queues.Queue": "a queue between processes",
    "multiprocessing.queues.SimpleQueue": "a queue between processes",
    "multiprocessing.shared_memory.SharedMemory": "memory that processes share",
    "multiprocessing.managers.BaseManager": _POOL,
    "multiprocessing.pool.Pool": _POOL,
    "concurrent.futures._base.Executor": _POOL,
    "concurrent.futures._base.Future": _POOL,
    "builtins.generator": "a generator: " + _RUNNING,
    "builtins.async_generator": "a generator: " + _RUNNING,
    "builtins.coroutine": "a coroutine: " + _RUNNING,
    "builtins.coroutine_wrapper": "a coroutine: " + _RUNNING,
    "builtins.frame": _RUNNING,
    "builtins.traceback": _RUNNING,
    "contextlib._GeneratorContextManagerBase": "a generator: " + _RUNNING,
    "sqlite3.Connection": _DATABASE,
    "sqlite3.Cursor": _DATABASE,
    "sqlite3.Blob": _DATABASE,
    "asyncio.events.AbstractEventLoop": _LOOP,
    "asyncio.events.Handle": _LOOP,
    "asyncio.futures.Future": _LOOP,
    "asyncio.tasks.Task": _LOOP,
    "_asyncio.Future": _LOOP,
    "_asyncio.Task": _LOOP,
    "asyncio.locks.Lock": _LOCK,
    "asyncio.locks.Event": _LOCK,
    "asyncio.queues.Queue": "a queue between tasks",
    "_contextvars.ContextVar": "a context variable",
    "_contextvars.Context": "a context of variables",
    "_contextvars.Token": "a context variable",
    "builtins.ContextVar": "a context variable",
    "weakref.ReferenceType": _WEAK,
    "weakref.ProxyType": _WEAK,
    "weakref.CallableProxyType": _WEAK,
    "builtins.weakref": _WEAK,
    "builtins.weakproxy": _WEAK,
    "builtins.PyCapsule": _MEMORY,
    "_ctypes._Pointer": _MEMORY,
    "_ctypes.CFuncPtr": _MEMORY,
    "ctypes.CDLL": "a library that was loaded",
    "builtins.memoryview": "a view into other memory",
}


class NotSaved(Exception):
    """The object cannot be saved; its text says what it is."""


@functools.lru_cache(maxsize=None)
def words_for(kind):
    """What an object of this type is, if it would come back dead."""
    for base in getattr(kind, "__mro__", (kind,)):
        words = _KINDS.get("%s.%s" % (base.__module__, base.__qualname__))
        if words is not None:
            return words
    return None


def reason_of(error, value):
    """Why a variable was not saved, for people."""
    own = words_for(type(value))
    if own is not None:
        return "%s is not carried over" % own
    if isinstance(error, NotSaved):
        return "it holds %s, which is not carried over" % error
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "there was not enough memory to save it"
    return "it cannot be saved: %s: %s" % (type(error).__name__, _short(error))


def why_not_made(error):
    """Why a variable that was saved could not be made here."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return "the package %s is not installed here" % error.name
    if isinstance(error, ImportError):
        return "a package could not be imported here: %s" % _short(error)
    if isinstance(error, AttributeError):
        return "a package has another version here: %s" % _short(error)
    return "it could not be made here: %s: %s" % (type(error).__name__, _short(error))


def _short(error):
    try:
        return str(error)[:300]
    except Exception:
        return "(no readable message)"
