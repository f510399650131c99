"""Which variables share mutable objects: those have to be saved together, so that they share them again (KN51)."""
import enum
import gc
import logging
import sys
import time
import types

from .definitions import is_importable
from .never_saved import words_for

_ATOMS = {
    type(None), bool, int, float, complex, str, bytes, range, slice, type(Ellipsis), type(NotImplemented), types.CodeType,
    types.MemberDescriptorType, types.GetSetDescriptorType, types.WrapperDescriptorType, types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
}
#: Py_TPFLAGS_HEAPTYPE: of the others Python itself has one each.
_MADE_BY_CLASS = 1 << 9
_LOOK_AT_CLOCK = 20000


class Sharing:
    def __init__(self, groups, shared_roots):
        #: Lists of names, in the order of the first of each.
        self.groups = groups
        #: Ids of arrays whose memory other arrays see too.
        self.shared_roots = shared_roots


def find_sharing(names, namespace, ends_at):
    """`ends_at`: then what has not been looked at counts as shared, which is right and only costs more."""
    walk = _Walk(names, namespace)
    try:
        for index in range(len(names)):
            walk.follow(index, ends_at)
    except _TooLong:
        return Sharing([list(names)], walk.shared_roots())
    return Sharing(walk.groups(), walk.shared_roots())


class _TooLong(Exception):
    pass


class _Walk:
    def __init__(self, names, namespace):
        self._names = names
        self._namespace = namespace
        self._owner = {}
        self._parent = list(range(len(names)))
        self._arrays = {}
        self._steps = 0
        numpy = sys.modules.get("numpy")
        self._array = getattr(numpy, "ndarray", ())
        self._dtype = getattr(numpy, "dtype", ())

    def follow(self, index, ends_at):
        waiting = [self._namespace[self._names[index]]]
        while waiting:
            self._steps += 1
            if self._steps % _LOOK_AT_CLOCK == 0 and time.monotonic() > ends_at:
                raise _TooLong
            value = waiting.pop()
            kind = type(value)
            if kind in _ATOMS or self._is_outside(value, kind):
                continue
            key = self._key(value)
            known = self._owner.get(key)
            if known is None:
                self._owner[key] = index
                waiting.extend(self._inside(value, kind))
                continue
            self._join(known, index)
            if self._array and isinstance(value, self._array):
                self._note_array(value, key)

    def _key(self, value):
        return id(self._root(value)) if self._array and isinstance(value, self._array) else id(value)

    def _root(self, array):
        while isinstance(getattr(array, "base", None), self._array):
            array = array.base
        return array

    def _note_array(self, value, key):
        self._arrays.setdefault(key, set()).add(id(value))

    def _is_outside(self, value, kind):
        """It belongs to a package, is found there by name, and so is nobody's own; or it is not saved at all."""
        if isinstance(value, type):
            return not value.__flags__ & _MADE_BY_CLASS or is_importable(value)
        if isinstance(value, types.FunctionType):
            return is_importable(value)
        if isinstance(value, types.BuiltinFunctionType):
            return value.__self__ is None or isinstance(value.__self__, (types.ModuleType, type))
        if isinstance(value, (types.ModuleType, logging.Logger)) or value is self._namespace:
            return True
        if self._dtype and isinstance(value, self._dtype):
            return True
        if isinstance(value, enum.Enum):
            return is_importable(kind)
        if kind is tuple and not gc.is_tracked(value):
            return True
        return words_for(kind) is not None

    def _inside(self, value, kind):
        if self._array and isinstance(value, self._array):
            self._note_array(value, id(self._root(value)))
            return _mutable_items(value.ravel(order="K").tolist()) if value.dtype.hasobject else ()
        if kind is types.FunctionType:
            parts = (value.__closure__, value.__defaults__, value.__kwdefaults__, value.__dict__)
            return [part for part in parts if part]
        if isinstance(value, type):
            return [*vars(value).values(), *value.__bases__, kind]
        return _mutable_items(gc.get_referents(value)) + [kind]

    def _join(self, one, other):
        one, other = self._head(one), self._head(other)
        self._parent[max(one, other)] = min(one, other)

    def _head(self, index):
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index

    def groups(self):
        found = {}
        for index, name in enumerate(self._names):
            found.setdefault(self._head(index), []).append(name)
        return list(found.values())

    def shared_roots(self):
        return {key for key, arrays in self._arrays.items() if len(arrays) > 1}


def _mutable_items(items):
    """A column of millions of texts is seen to be that at once."""
    if set(map(type, items)) <= _ATOMS:
        return []
    return [item for item in items if type(item) not in _ATOMS]
