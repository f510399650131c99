"""What of the process belongs to the session besides its variables: the folder it works in, what it has changed of its
environment and of the places where modules are found, imported packages, the state of random numbers."""
import importlib
import os
import random
import re
import sys
import time
import types

from .never_saved import why_not_made

_SUBMODULES = 400
_submodule = re.compile(r"\w+(\.[a-zA-Z]\w*){1,2}\Z")
_ENVIRONMENT_OF_KERNEL = re.compile(r"(MESHBOOK_|JPY_|LC_CTYPE\Z|_\Z)")
_IMPORT_S = 60


def _first_environment():
    """As the process was started, where the system tells; else as it is now."""
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = [part.partition(b"=") for part in file.read().split(b"\0") if part]
        return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
    except OSError:
        return dict(os.environ)


class World:
    """Made at the start of the session, so that it knows what has changed."""

    def __init__(self):
        self._folder = os.getcwd()
        self._path = list(sys.path)
        self._environment = _first_environment()

    def saved(self):
        changed = {
            name: os.environ.get(name)
            for name in {**self._environment, **os.environ}
            if self._environment.get(name) != os.environ.get(name) and not _ENVIRONMENT_OF_KERNEL.match(name)
        }
        return {
            "cwd": self._place(_cwd()),
            "environment": dict(sorted(changed.items())),
            "path": [[self._place(entry), index == 0] for index, entry in self._new_paths()],
            "options": {"recursion": sys.getrecursionlimit()},
        }

    def _new_paths(self):
        return [(index, entry) for index, entry in enumerate(sys.path) if entry not in self._path and isinstance(entry, str)]

    def _place(self, path):
        """Within the project it is told from there, as the project lies elsewhere on other devices."""
        if not path or not os.path.isabs(path):
            return {"inside": path or "."}
        inside = os.path.relpath(path, self._folder) if os.path.splitdrive(path)[0] == os.path.splitdrive(self._folder)[0] else ".."
        return {"path": path} if inside == ".." or inside.startswith(".." + os.sep) else {"inside": inside}

    def _path_of(self, place):
        return os.path.join(self._folder, place["inside"]) if "inside" in place else place["path"]

    def place(self):
        """Where the session works, so that it can be found elsewhere."""
        return self._place(_cwd())

    def move(self, folder, place):
        """The project is there now."""
        if not os.path.isdir(folder):
            return
        self._folder = folder
        for path in (self._path_of(place), folder):
            try:
                os.chdir(path)
                return
            except OSError:
                continue

    def make(self, saved):
        """Returns what could not be made."""
        lost = []
        for name, value in saved["environment"].items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        for place, first in saved["path"]:
            entry = self._path_of(place)
            if entry not in sys.path:
                sys.path.insert(0, entry) if first else sys.path.append(entry)
        sys.setrecursionlimit(saved["options"]["recursion"])
        try:
            os.chdir(self._path_of(saved["cwd"]))
        except OSError:
            lost.append({"name": "working folder", "reason": "%s is not there" % self._path_of(saved["cwd"])})
        return lost


def _cwd():
    try:
        return os.getcwd()
    except OSError:
        return ""


def random_state():
    """Of what is loaded; a pickle of it is all that is kept."""
    state = {"random": random.getstate()}
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        state["numpy.random"] = numpy_random.get_state()
    return state


def set_random_state(state):
    random.setstate(state["random"])
    if "numpy.random" in state:
        importlib.import_module("numpy.random").set_state(state["numpy.random"])


def modules_of(names, namespace):
    """Names that stand for modules, and what of those modules had been imported besides."""
    found = []
    for name in names:
        value = namespace[name]
        module = value.__name__
        if sys.modules.get(module) is value and getattr(value, "__spec__", None) is not None:
            inside = [each for each in list(sys.modules) if each.startswith(module + ".") and _submodule.match(each)]
            loaded = sorted(each for each in inside if isinstance(sys.modules[each], types.ModuleType))
            found.append({"name": name, "module": module, "parts": loaded[:_SUBMODULES]})
    return found


def import_modules(modules, namespace):
    """Returns the names, and what could not be imported."""
    names, lost = [], []
    ends_at = time.monotonic() + _IMPORT_S
    for each in modules:
        try:
            namespace[each["name"]] = importlib.import_module(each["module"])
            names.append(each["name"])
        except Exception as error:
            lost.append({"name": each["name"], "reason": why_not_made(error)})
            continue
        for part in each["parts"]:
            if part not in sys.modules and time.monotonic() < ends_at:
                _import_quietly(part)
    return names, lost


def _import_quietly(name):
    """A part of a package of another version may have gone; whoever uses it is told so by Python itself."""
    try:
        importlib.import_module(name)
    except Exception:
        return
