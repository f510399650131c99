"""How functions, classes and what they consist of are saved: those of a package by name, those of the session by what
they are made of. `remade.py` is the other half."""
import dataclasses
import enum
import functools
import importlib.util
import linecache
import marshal
import sys
import types
import typing

from . import remade
from .never_saved import NotSaved

_GENERATED_BY_ENUM = {
    "_generate_next_value_", "_member_names_", "_member_map_", "_member_type_", "_value2member_map_", "_value_repr_",
    "_use_args_", "_new_member_", "_unhashable_values_", "_unhashable_values_map_", "_hashable_values_", "_flag_mask_",
    "_all_bits_", "_boundary_", "_singles_mask_", "_inverted_", "_sort_order_", "_missing_", "_numeric_repr_",
}
_GENERATED_BY_NAMEDTUPLE = {
    "_fields", "_field_defaults", "_fields_defaults", "_make", "_replace", "__replace__", "_asdict", "__new__", "__repr__",
    "__getnewargs__", "__slots__", "__match_args__", "__doc__", "__module__",
}
_NOT_COPIED = {
    "__dict__", "__weakref__", "__slots__", "__module__", "__qualname__", "__orig_bases__", "_abc_impl", "_abc_registry",
    "_abc_cache", "_abc_negative_cache", "_abc_negative_cache_version", "__annotate__", "__annotate_func__",
    "__annotations_cache__", "__classdictcell__",
}
#: Types of the language that no module has under their own name.
_of_python_itself = {value: name for name, value in remade.TYPES.items()}
_MAGIC = importlib.util.MAGIC_NUMBER


def is_importable(value):
    """Whether a class or function is found by the name of its module and its own, elsewhere too."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module == "__main__":
        return False
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


class Definitions:
    """Reducers, for a pickler, of what stands in the given namespace."""

    def __init__(self, namespace):
        self._namespace = namespace
        self.by_type = {
            types.FunctionType: self._function,
            types.CodeType: _code,
            types.CellType: _cell,
            types.ModuleType: _module,
            types.MappingProxyType: lambda value: (remade.read_only, (dict(value),)),
            types.MemberDescriptorType: _attribute_of_class,
            types.GetSetDescriptorType: _attribute_of_class,
            property: lambda value: (property, (value.fget, value.fset, value.fdel, value.__doc__)),
            classmethod: lambda value: (classmethod, (value.__func__,)),
            staticmethod: lambda value: (staticmethod, (value.__func__,)),
            functools._lru_cache_wrapper: _cached,
            functools.cached_property: _cached_property,
            typing.TypeVar: _type_variable,
            dataclasses.Field: _by_slots(remade.dataclass_field),
            dataclasses._DataclassParams: _by_slots(remade.dataclass_parameters),
        }
        for kind in {type(value) for value in remade.SENTINELS.values()}:
            self.by_type[kind] = _sentinel

    def reducer_of(self, kind):
        if issubclass(kind, type):
            return self._class
        if issubclass(kind, types.ModuleType):
            return _module
        return self.by_type.get(kind)

    def _function(self, value):
        if is_importable(value):
            return NotImplemented
        made = (value.__code__, self._globals_of(value), value.__name__, value.__closure__)
        state = {
            "__defaults__": value.__defaults__,
            "__kwdefaults__": value.__kwdefaults__,
            "__dict__": value.__dict__,
            "__annotations__": _annotations(value),
            "__qualname__": value.__qualname__,
            "__module__": value.__module__,
            "__doc__": value.__doc__,
        }
        return remade.function, made, state, None, None, remade.complete_function

    def _globals_of(self, value):
        if value.__globals__ is self._namespace:
            return "__main__"
        name = value.__globals__.get("__name__")
        module = sys.modules.get(name) if isinstance(name, str) else None
        if module is not None and getattr(module, "__dict__", None) is value.__globals__:
            return name
        raise NotSaved("a function with global variables of its own")

    def _class(self, value):
        if value in _of_python_itself:
            return remade.type_of_python, (_of_python_itself[value],)
        if is_importable(value):
            return NotImplemented
        if _is_namedtuple(value):
            return self._namedtuple(value)
        if issubclass(value, enum.Enum):
            return self._enum(value)
        own = vars(value)
        bases = own.get("__orig_bases__", value.__bases__)
        body = {"__module__": value.__module__, "__qualname__": value.__qualname__}
        if "__slots__" in own:
            body["__slots__"] = own["__slots__"]
        slots = {name for name, each in own.items() if isinstance(each, types.MemberDescriptorType)}
        state = {name: each for name, each in own.items() if name not in _NOT_COPIED and name not in slots}
        state.update(_class_annotations(value))
        made = (type(value), value.__name__, tuple(bases), body)
        return remade.class_of, made, state, None, None, remade.complete_class

    def _namedtuple(self, value):
        own = vars(value)
        left = _GENERATED_BY_NAMEDTUPLE | set(value._fields)
        state = {
            name: each for name, each in own.items()
            if (name not in left or self._is_own(each)) and name not in _NOT_COPIED
        }
        state.update(_class_annotations(value))
        defaults = tuple(value._field_defaults.values())
        made = (value.__name__, value._fields, defaults, value.__module__, value.__qualname__, value.__doc__)
        return remade.namedtuple_class, made, state, None, None, remade.complete_class

    def _enum(self, value):
        own = vars(value)
        members = {name: member.value for name, member in value.__members__.items()}
        left = _GENERATED_BY_ENUM | _NOT_COPIED | set(members)
        state = {
            name: each for name, each in own.items() if name not in left and (name == "__doc__" or self._is_own(each))
        }
        made = (value.__name__, value.__bases__, members, value.__module__, value.__qualname__)
        return remade.enum_class, made, state, None, None, remade.complete_class

    def _is_own(self, value):
        """Written by the user, not made by the machinery of namedtuples and enums."""
        if isinstance(value, (classmethod, staticmethod)):
            value = value.__func__
        if isinstance(value, property):
            value = value.fget
        return isinstance(value, types.FunctionType) and value.__globals__ is self._namespace


def _by_slots(made):
    """Versions of Python differ in which slots there are."""

    def reduce(value):
        names = getattr(type(value), "__slots__", None) or vars(value)
        state = {name: getattr(value, name) for name in names if hasattr(value, name)}
        return made, (), state, None, None, remade.fill_slots

    return reduce


def _is_namedtuple(value):
    fields = getattr(value, "_fields", None)
    return value.__bases__ == (tuple,) and isinstance(fields, tuple) and hasattr(value, "_field_defaults")


def _annotations(value):
    try:
        return value.__annotations__
    except Exception:
        return {}


def _class_annotations(value):
    if "__annotations__" not in vars(value) and sys.version_info < (3, 14):
        return {}
    found = _annotations(value)
    return {"__annotations__": dict(found)} if found else {}


def _code(value):
    # Version 2 of the format has no references, which would depend on who else holds a constant at that moment.
    return remade.code, (marshal.dumps(value, 2), _MAGIC, remade.place_of(value), _source_of(value.co_filename))


def _source_of(filename):
    """The text of the cell, so that another version of Python can compile it, and tracebacks show it."""
    if filename.startswith("<") and filename not in linecache.cache:
        return None
    text = "".join(linecache.getlines(filename))
    return (filename, text) if 0 < len(text) <= remade.SOURCE_CHARS else None


def _cell(value):
    try:
        contents = (value.cell_contents,)
    except ValueError:
        return remade.cell, ()
    return remade.cell, (), contents, None, None, remade.fill_cell


def _module(value):
    name = getattr(value, "__name__", None)
    if name == "__main__":
        return remade.module, ("__main__",)
    if sys.modules.get(name) is not value or getattr(value, "__spec__", None) is None:
        raise NotSaved("a module that was made by hand")
    return remade.module, (name,)


def _attribute_of_class(value):
    return getattr, (value.__objclass__, value.__name__)


def _cached(value):
    if is_importable(value):
        return NotImplemented
    parameters = getattr(value, "cache_parameters", lambda: {"maxsize": None, "typed": False})()
    return remade.cached, (value.__wrapped__, parameters["maxsize"], parameters["typed"])


def _cached_property(value):
    return remade.cached_property, (value.func, value.attrname)


def _type_variable(value):
    found = getattr(sys.modules.get(value.__module__), value.__name__, None)
    if found is value and value.__module__ != "__main__":
        return NotImplemented
    bounds = (value.__name__, value.__constraints__, value.__bound__, value.__covariant__, value.__contravariant__)
    return remade.type_variable, bounds


def _sentinel(value):
    name = remade.name_of_sentinel(value)
    return NotImplemented if name is None else (remade.sentinel, (name,))


