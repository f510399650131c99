"""One co-variable as a pickle and its buffers: what is equal gives equal bytes, and what is large a file of its own."""
import io
import pickle
import sys

from . import remade
from .definitions import Definitions
from .never_saved import NotSaved, words_for
from .saved_folder import NewFile

PROTOCOL = 5
#: Smaller ones stand in the pickle; larger ones in a file that the group has for them; the largest in one each.
_IN_PACK_BYTES = 64 << 10
_OWN_FILE_BYTES = 1 << 20
_OWN_FILES = 400
_MANY_TEXTS = 10_000
_SAMPLE = 1_000
_PROTO, _FRAME = 0x80, 0x95


class Unframed:
    """Pickle begins a frame every 64 KiB, so that one byte more would move the marks of all that follow. Without them
    only what has changed has changed. Each write is some frames' worth of opcodes, or the bytes of one large value, which
    the write before has announced."""

    def __init__(self, write):
        self._out = write
        self._is_value = False

    def write(self, data):
        if self._is_value:
            self._is_value = False
            self._out(data)
            return
        view = memoryview(data)
        at = 0
        if len(view) > 2 and view[0] == _PROTO:
            self._out(view[:2])
            at = 2
        if len(view) >= at + 9 and view[at] == _FRAME:
            end = at + 9 + int.from_bytes(view[at + 1 : at + 9], "little")
            self._out(view[at + 9 : end])
            at = end
        if at < len(view):
            self._out(view[at:])
            self._is_value = True


class Buffers:
    """What pickle hands out of band, in the order of that."""

    def __init__(self, folder, stem, writers):
        self._folder = folder
        self._stem = stem
        self._writers = writers
        self._pack = None
        self._own = 0
        self.places = []

    def take(self, buffer):
        view = buffer.raw()
        if view.nbytes < _IN_PACK_BYTES:
            return True
        if view.nbytes >= _OWN_FILE_BYTES and self._own < _OWN_FILES:
            self._own += 1
            # What cannot be written to in place is bytes or text, where what follows a change moves.
            name = "%s-%d.%s" % (self._stem, self._own, "bytes" if view.readonly else "raw")
            self._writers.put(name, view)
            self.places.append({"file": name, "at": 0, "bytes": view.nbytes})
        else:
            self._pack = self._pack or NewFile(self._folder, self._stem + ".pack")
            self.places.append({"file": self._pack.name, "at": self._pack.bytes, "bytes": view.nbytes})
            self._pack.write(view)
        return False

    @property
    def bytes(self):
        return sum(place["bytes"] for place in self.places)

    def close(self):
        return [self._pack.close()] if self._pack else []


class _Nothing(io.RawIOBase):
    def write(self, data):
        return len(data)


class SessionPickler(pickle.Pickler):
    def __init__(self, file, namespace, shared_roots, streams, take):
        super().__init__(file, PROTOCOL, buffer_callback=take)
        self._streams = streams
        self._definitions = Definitions(namespace)
        self._shared_roots = shared_roots
        self._reducers = {}
        numpy = sys.modules.get("numpy")
        self._array = getattr(numpy, "ndarray", None)

    def reducer_override(self, value):
        kind = type(value)
        if kind not in self._reducers:
            self._reducers[kind] = self._reducer_of(kind)
        reducer = self._reducers[kind]
        return NotImplemented if reducer is None else reducer(value)

    def _reducer_of(self, kind):
        if issubclass(kind, io.TextIOBase):
            return self._stream
        words = words_for(kind)
        if words is not None:
            return _refuse(words)
        if kind is self._array:
            return self._array_of
        return self._definitions.reducer_of(kind)

    def _stream(self, value):
        for name, stream in self._streams.items():
            if value is stream:
                return remade.stream, (name,)
        words = words_for(type(value))
        if words is not None:
            raise NotSaved(words)
        return NotImplemented

    def _array_of(self, value):
        if value.dtype.hasobject:
            return _texts(value) if value.dtype == object and value.size >= _MANY_TEXTS else NotImplemented
        return self._view(value)

    def _view(self, value):
        """Arrays that see the same memory see the same memory again."""
        root = value
        while isinstance(getattr(root, "base", None), self._array):
            root = root.base
        if root is value or id(root) not in self._shared_roots or type(root) is not self._array:
            return NotImplemented
        if not (root.flags.c_contiguous or root.flags.f_contiguous):
            return NotImplemented
        offset = value.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        return remade.view, (root, value.dtype, value.shape, value.strides, offset)


def _texts(value):
    """A column of different texts as one text: several times faster than one by one, there and back."""
    order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
    items = value.ravel(order=order).tolist()
    sample = items[:: max(1, len(items) // _SAMPLE)]
    if set(map(type, items)) != {str} or len(set(map(id, sample))) * 2 < len(sample):
        return NotImplemented
    joined = "\0".join(items)
    if joined.count("\0") != len(items) - 1:
        return NotImplemented
    return remade.texts, (pickle.PickleBuffer(joined.encode("utf-8", "surrogatepass")), value.shape, order)


def _refuse(words):
    def refuse(_value):
        raise NotSaved(words)

    return refuse


class Pickles:
    """Writes co-variables into a folder."""

    def __init__(self, folder, namespace, shared_roots, streams, writers):
        self._streams = streams
        self._folder = folder
        self._namespace = namespace
        self._shared_roots = shared_roots
        self._writers = writers

    def try_out(self, values):
        """Throws what pickling them would throw."""
        SessionPickler(_Nothing(), self._namespace, self._shared_roots, self._streams, lambda _buffer: False).dump(values)

    def write(self, stem, values):
        """Returns how the group stands in the folder, and the entries of files that are complete."""
        buffers = Buffers(self._folder, stem, self._writers)
        file = NewFile(self._folder, stem + ".pickle")
        sink = _sink(file.write)
        SessionPickler(sink, self._namespace, self._shared_roots, self._streams, buffers.take).dump(values)
        files = [file.close(), *buffers.close()]
        size = files[0]["bytes"] + buffers.bytes
        return {"pickle": files[0]["name"], "buffers": buffers.places}, files, size


class _Sink:
    def __init__(self, write):
        self.write = write


def _sink(write):
    return _Sink(Unframed(write).write if _can_unframe() else write)


_checked = []


def _can_unframe():
    """Another Python may write in other pieces: then its pickles are taken as they are."""
    if not _checked:
        tricky = [bytes([_FRAME]) * 70_000, "x" * 70_000, list(range(40_000)), bytearray(70_000), None]
        plain, unframed = io.BytesIO(), io.BytesIO()
        pickle.Pickler(plain, PROTOCOL).dump(tricky)
        pickle.Pickler(_Sink(Unframed(unframed.write).write), PROTOCOL).dump(tricky)
        shorter = unframed.tell() < plain.tell()
        try:
            _checked.append(shorter and pickle.loads(unframed.getvalue()) == tricky)
        except Exception:
            _checked.append(False)
    return _checked[0]
