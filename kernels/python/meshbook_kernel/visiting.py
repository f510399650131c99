"""Saves and makes the variables of an ipykernel (KN51, KN52). Answers are files that are there once they are whole."""
import json
import os
import threading

from . import loading, saving
from .world import World

_worlds = []


def begin():
    """At the start of the kernel, so that it is known later what has changed."""
    if not _worlds:
        _worlds.append(World())
    return _worlds[0]


def save(shell, folder, answer, report):
    """Answers once the process is copied; what was saved is reported later."""
    world = begin()
    # Which of its threads are the user's, an ipykernel does not tell.
    saver = saving.Saver(shell.user_ns, set(shell.user_ns_hidden), world, lambda _thread: True)
    wait = saver.begin(folder)
    _tell({"pid": 0, "pauseMs": wait.pause}, answer)
    threading.Thread(target=_report, args=(wait, report), name="meshbook-saving", daemon=True).start()


def load(shell, folder, answer):
    try:
        told = loading.load(folder, shell.user_ns, begin())
    except Exception as error:
        told = {"failed": str(error)}
    _tell(told, answer)


def _report(wait, report):
    try:
        told = wait()
    except Exception as error:
        told = {"failed": str(error)}
    _tell(told, report)


def _tell(told, path):
    with open(path + ".part", "w") as file:
        json.dump(told, file)
    os.rename(path + ".part", path)
