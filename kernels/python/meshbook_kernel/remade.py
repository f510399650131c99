"""What saved sessions call by name when they are made again. A name here, and what it takes, is never changed."""
import collections
import dataclasses
import functools
import importlib
import importlib.util
import linecache
import marshal
import sys
import types
import typing

SOURCE_CHARS = 1 << 20

SENTINELS = {
    name: getattr(dataclasses, name)
    for name in ("MISSING", "KW_ONLY", "_FIELD", "_FIELD_CLASSVAR", "_FIELD_INITVAR", "_HAS_DEFAULT_FACTORY")
    if hasattr(dataclasses, name) and not isinstance(getattr(dataclasses, name), type)
}


def name_of_sentinel(value):
    return next((name for name, each in SENTINELS.items() if each is value), None)


def sentinel(name):
    return SENTINELS[name]


class OtherPython(Exception):
    """Byte code of another version, whose source text is not known."""


TYPES = {name: value for name, value in vars(types).items() if isinstance(value, type)}
TYPES.update({"NoneType": type(None), "NotImplementedType": type(NotImplemented), "EllipsisType": type(Ellipsis)})


def type_of_python(name):
    return TYPES[name]


def read_only(mapping):
    return types.MappingProxyType(mapping)


def module(name):
    return importlib.import_module(name)


def place_of(code):
    """By what a code object is found again in its compiled source."""
    arguments = code.co_argcount + code.co_kwonlyargcount
    return code.co_name, code.co_firstlineno, code.co_varnames[:arguments], tuple(sorted(code.co_freevars))


def code(bytes_of_code, magic, place, source):
    if source is not None:
        filename, text = source
        linecache.cache.setdefault(filename, (len(text), None, text.splitlines(True), filename))
    if magic == importlib.util.MAGIC_NUMBER:
        return marshal.loads(bytes_of_code)
    if source is not None:
        return _compiled(source, place)
    if place[0] in _MADE_BY_DATACLASS:
        return _of_other_version.__code__
    raise OtherPython("a function whose source text is not known, saved by another version of Python")


_MADE_BY_DATACLASS = {
    "__create_fn__", "__init__", "__repr__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__setattr__",
    "__delattr__", "__replace__", "wrapper", "__getstate__", "__setstate__", "_dataclass_getstate", "_dataclass_setstate",
}


def _of_other_version(*_arguments, **_named):
    raise OtherPython("saved by another version of Python")


@functools.lru_cache(maxsize=64)
def _compiled_source(filename, text):
    import ast

    lines = "".join("\n" if line.lstrip().startswith(("%", "!")) else line for line in text.splitlines(True))
    return compile(lines, filename, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def _compiled(source, place):
    waiting = [_compiled_source(*source)]
    while waiting:
        each = waiting.pop()
        if place_of(each) == place:
            return each
        waiting.extend(constant for constant in each.co_consts if isinstance(constant, types.CodeType))
    raise OtherPython("a function that this version of Python compiles in another way")


def cell():
    return types.CellType()


def fill_cell(made, contents):
    made.cell_contents = contents[0]


def function(code, module_name, name, cells):
    space = sys.modules["__main__"] if module_name == "__main__" else importlib.import_module(module_name)
    # What is made anew by another version has none of the old one's cells.
    return types.FunctionType(code, space.__dict__, name, None, cells if code.co_freevars else None)


def complete_function(made, state):
    made.__dict__.update(state["__dict__"])
    for name in ("__defaults__", "__kwdefaults__", "__annotations__", "__qualname__", "__module__", "__doc__"):
        setattr(made, name, state[name])


def class_of(meta, name, bases, body):
    keywords = {} if meta is type else {"metaclass": meta}
    return types.new_class(name, bases, keywords, lambda space: space.update(body))


def complete_class(made, state):
    for name, value in state.items():
        type.__setattr__(made, name, value)
    if "__dataclass_params__" in state:
        _generate_dataclass(made, state)


def _is_generated(value):
    value = getattr(value, "__wrapped__", value)
    return isinstance(value, types.FunctionType) and value.__code__ is _of_other_version.__code__


def _generate_dataclass(made, state):
    """What `dataclass` has written is byte code; by another version of Python it is written again."""
    generated = [name for name, value in state.items() if _is_generated(value)]
    if not generated:
        return
    for name in generated:
        type.__delattr__(made, name)
    own = getattr(made, "__annotations__", {})
    for name, field in state["__dataclass_fields__"].items():
        if name in own and field._field_type is SENTINELS["_FIELD"]:
            type.__setattr__(made, name, field)
    names = ("init", "repr", "eq", "order", "unsafe_hash", "frozen")
    dataclasses.dataclass(**{name: getattr(state["__dataclass_params__"], name) for name in names})(made)


def dataclass_field():
    made = dataclasses.field()
    if hasattr(made, "kw_only"):
        made.kw_only = False
    return made


def dataclass_parameters():
    made = object.__new__(dataclasses._DataclassParams)
    fill_slots(made, {"match_args": True, "kw_only": False, "slots": False, "weakref_slot": False})
    return made


def fill_slots(made, state):
    slots = getattr(type(made), "__slots__", None)
    for name, value in state.items():
        if not slots or name in slots:
            setattr(made, name, value)


def namedtuple_class(name, fields, defaults, module_name, qualname, doc):
    made = collections.namedtuple(name, fields, defaults=defaults, module=module_name)
    made.__qualname__ = qualname
    made.__doc__ = doc
    return made


def enum_class(name, bases, members, module_name, qualname):
    meta = type(bases[-1])
    body = meta.__prepare__(name, bases)
    for member, value in members.items():
        body[member] = value
    body["__module__"] = module_name
    body["__qualname__"] = qualname
    return meta.__new__(meta, name, bases, body)


def cached(wrapped, maxsize, typed):
    return functools.lru_cache(maxsize=maxsize, typed=typed)(wrapped)


def cached_property(func, name):
    made = functools.cached_property(func)
    made.attrname = name
    return made


def type_variable(name, constraints, bound, covariant, contravariant):
    return typing.TypeVar(name, *constraints, bound=bound, covariant=covariant, contravariant=contravariant)


def stream(name):
    return getattr(sys, name)


def view(root, dtype, shape, strides, offset):
    """An array that shares the memory of another."""
    import numpy

    flat = root if root.flags.c_contiguous else root.T
    return numpy.ndarray(shape, dtype, buffer=flat, offset=offset, strides=strides)


def texts(joined, shape, order):
    """An array of texts that stand one behind the other."""
    import numpy

    items = bytes(joined).decode("utf-8", "surrogatepass").split("\0")
    made = numpy.empty(len(items), dtype=object)
    made[:] = items
    return made.reshape(shape, order=order)
