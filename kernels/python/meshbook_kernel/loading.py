"""Makes the variables of a saved session in a fresh one (KN52). Nothing is unpickled before all files are as written."""
import gc
import pickle

from . import world
from .never_saved import why_not_made
from .saved_folder import Damaged, read_files, read_manifest
from .saving import FORMAT

_MOST_BYTES = 64 << 30


def load(folder, namespace, its_world):
    """Returns `names` and `lost`; throws Damaged, and then nothing was made."""
    body = read_manifest(folder)
    if body.get("format") != FORMAT or body.get("language") != "python":
        raise Damaged("it was not saved by a kernel of Python that this one understands")
    contents = read_files(folder, body["files"], _MOST_BYTES)
    lost = its_world.make(body["world"])
    names, not_imported = world.import_modules(body["modules"], namespace)
    lost += not_imported
    gc.disable()
    try:
        for group in body["groups"]:
            _make(group, contents, namespace, names, lost)
    finally:
        gc.enable()
    try:
        world.set_random_state(_unpickle(body["random"], contents))
    except Exception as error:
        lost.append({"name": "random numbers", "reason": why_not_made(error)[:1000]})
    return {"names": names, "lost": lost}


def _make(group, contents, namespace, names, lost):
    try:
        values = _unpickle(group, contents)
        namespace.update(zip(group["names"], values))
        names += group["names"]
    except Exception as error:
        lost += [{"name": name[:200], "reason": why_not_made(error)[:1000]} for name in group["names"]]


def _unpickle(group, contents):
    buffers = [_buffer(place, contents) for place in group["buffers"]]
    return pickle.loads(contents.pop(group["pickle"]), buffers=buffers)


def _buffer(place, contents):
    """Memory of its own, whether the buffer had a file of its own or stood among others."""
    if not place["file"].endswith(".pack"):
        return contents.pop(place["file"])
    return bytearray(memoryview(contents[place["file"]])[place["at"] : place["at"] + place["bytes"]])
