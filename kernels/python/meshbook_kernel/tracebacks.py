"""Errors of a cell as the host wants them: name, message, traceback without our own frames."""
import linecache
import os
import traceback

LINES = 400
UNITS = 64 * 1024
_VERSIONS = 50
_ours = os.path.dirname(os.path.abspath(__file__))


class Sources:
    """Gives each version of a cell a file name under which tracebacks and `inspect` find its text."""

    def __init__(self):
        self._versions = {}

    def add(self, name, code):
        known = self._versions.setdefault(name, _carried_over(name))
        if code not in known:
            known.append(code)
            del known[:-_VERSIONS]
        version = known.index(code)
        filename = _filename(name, version)
        linecache.cache[filename] = (len(code), None, code.splitlines(True), filename)
        return filename


def _filename(name, version):
    return "<%s>" % name if version == 0 else "<%s, version %d>" % (name, version + 1)


def _carried_over(name):
    """Texts of that cell that functions of a saved session have brought along: another text is another version."""
    texts = ["".join(linecache.cache.get(_filename(name, version), (0, 0, ()))[2]) for version in range(_VERSIONS)]
    while texts and not texts[-1]:
        texts.pop()
    return texts


def _strip(error, seen):
    """Cuts the frames of the kernel, which lie before those of the cell, from an error and the errors behind it."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    frames = error.__traceback__
    while frames is not None and os.path.dirname(frames.tb_frame.f_code.co_filename) == _ours:
        frames = frames.tb_next
    error.__traceback__ = frames
    _strip(error.__cause__, seen)
    _strip(error.__context__, seen)


def describe(error):
    _strip(error, set())
    try:
        lines = "".join(traceback.format_exception(type(error), error, error.__traceback__)).splitlines()
    except Exception as broken:
        lines = ["%s (its text could not be made: %r)" % (type(error).__name__, type(broken).__name__)]
    if len(lines) > LINES:
        lines = lines[: LINES // 2] + ["  … %d lines left out …" % (len(lines) - LINES)] + lines[-LINES // 2 :]
    return {
        "name": type(error).__name__[:200],
        "message": _message(error),
        "traceback": [line[:2000] for line in lines],
    }


def _message(error):
    try:
        return str(error)[:UNITS]
    except Exception:
        return "(the error has no readable message)"
