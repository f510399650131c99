"""Completion, documentation and the list of variables. Answers on a thread of its own, as user code may be slow."""
import builtins
import inspect
import keyword
import re
import reprlib
import sys
import time
import types

ITEMS = 200
_plain = {int, float, complex, bool, str, bytes, bytearray, list, tuple, dict, set, frozenset}
_path = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\.)?([A-Za-z_]\w*)?$")
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 160


def _units(text):
    return len(text.encode("utf-16-le")) // 2


def _at(code, cursor):
    """The code before a cursor that counts UTF-16 units."""
    return code.encode("utf-16-le", "surrogatepass")[: cursor * 2].decode("utf-16-le", "replace")


def _resolve(path, namespace):
    """Walks `a.b.c` without calling anything but attribute access; returns (found, value)."""
    head, *rest = path.split(".")
    if head in namespace:
        value = namespace[head]
    elif hasattr(builtins, head):
        value = getattr(builtins, head)
    else:
        return False, None
    for name in rest:
        try:
            value = getattr(value, name)
        except Exception:
            return False, None
    return True, value


def _kind(value):
    if isinstance(value, types.ModuleType):
        return "module"
    if isinstance(value, type):
        return "class"
    return "function" if callable(value) else "instance"


def complete(code, cursor, namespace):
    before = _at(code, cursor)
    items = _with_jedi(code, before, namespace)
    owner, prefix = _path.search(before).groups()
    prefix = prefix or ""
    if items is None:
        items = _from_namespace(owner, prefix, namespace)
    to = _units(before)
    return {"from": to - _units(prefix), "to": to, "items": items[:ITEMS]}


def _with_jedi(code, before, namespace):
    try:
        import jedi
    except Exception:
        return None
    try:
        lines = before.split("\n")
        found = jedi.Interpreter(code, [namespace]).complete(len(lines), len(lines[-1]))
        return [{"label": item.name, "kind": item.type} for item in found]
    except Exception:
        return None


def _from_namespace(owner, prefix, namespace):
    if owner:
        found, value = _resolve(owner[:-1], namespace)
        names = [(name, getattr(value, name, None)) for name in _dir(value)] if found else []
    else:
        names = list({**vars(builtins), **namespace}.items()) + [(word, None) for word in keyword.kwlist]
    fitting = sorted({name: value for name, value in names if name.startswith(prefix)}.items())
    shown = [item for item in fitting if prefix.startswith("_") or not item[0].startswith("_")]
    return [{"label": name, "kind": "keyword" if keyword.iskeyword(name) else _kind(value)} for name, value in shown]


def _dir(value):
    try:
        return [name for name in dir(value) if isinstance(name, str)]
    except Exception:
        return []


def look_up(code, cursor, namespace):
    before = _at(code, cursor)
    after = re.match(r"\w*", code[len(before) :]).group()
    match = re.search(r"[A-Za-z_][\w.]*$", before + after) or re.search(r"([A-Za-z_][\w.]*)\s*\([^()]*$", before)
    if not match:
        return {"found": False, "text": ""}
    path = match.group(1) if match.re.groups else match.group()
    found, value = _resolve(path.rstrip("."), namespace)
    return {"found": found, "text": _document(path, value) if found else ""}


def _document(path, value):
    lines = []
    if callable(value):
        try:
            lines.append("%s%s" % (path, inspect.signature(value)))
        except (TypeError, ValueError):
            lines.append("%s(…)" % path)
    else:
        lines.append("%s: %s = %s" % (path, type(value).__name__, preview(value)))
    document = inspect.getdoc(value) or ""
    return "\n\n".join(part for part in ("\n".join(lines), document[:20000]) if part)


def preview(value):
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and not isinstance(value, type):
        return "shape %s" % (shape,)
    try:
        return _short.repr(value)[:200]
    except Exception:
        return "<no preview>"


def _size(value):
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and not isinstance(value, type):
        return " × ".join(str(length) for length in shape) or "1"
    try:
        return str(len(value))
    except Exception:
        return "%d bytes" % sys.getsizeof(value, 0)


def summary(namespace, hidden, ends_at):
    """Names, types and sizes, as far as they are known without looking into things."""
    names = [
        name for name in list(namespace)
        if not name.startswith("_") and name not in hidden and not isinstance(namespace[name], types.ModuleType)
    ]
    items = []
    for name in sorted(names)[:ITEMS]:
        if time.monotonic() > ends_at:
            break
        value = namespace[name]
        size = _bytes(value)
        item = {"name": name[:200], "type": type(value).__name__[:200]}
        items.append(item if size is None else {**item, "bytes": size})
    return {"variables": items, "more": len(names) - len(items)}


def _bytes(value):
    if type(value) in _plain:
        return sys.getsizeof(value)
    try:
        of_array = getattr(value, "nbytes", None)
        if isinstance(of_array, int) and not isinstance(value, type):
            return of_array
        if type(value).__module__.startswith("pandas."):
            return int(getattr(value.memory_usage(deep=False), "sum", int)())
    except Exception:
        return None
    return None


def variables(namespace, hidden):
    names = [name for name in list(namespace) if not name.startswith("_") and name not in hidden]
    items = []
    for name in sorted(names)[:ITEMS]:
        value = namespace.get(name)
        if not isinstance(value, types.ModuleType):
            items.append({"name": name[:200], "type": type(value).__name__, "size": _size(value), "preview": preview(value)})
    return {"items": items, "truncated": len(names) > ITEMS}
