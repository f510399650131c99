"""How a value is shown: its MIME parts, `display()`, and the figures of matplotlib."""
import base64
import io
import json
import pprint
import sys
import uuid
import warnings

TEXT_UNITS = 128 * 1024
_methods = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("image/svg+xml", "_repr_svg_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("text/latex", "_repr_latex_"),
    ("application/json", "_repr_json_"),
)


def _plain(value):
    try:
        if type(value) in (dict, list, tuple, set, frozenset) and len(value) < 10000:
            text = pprint.pformat(value, width=100, compact=True, **({"sort_dicts": False} if sys.version_info >= (3, 8) else {}))
        else:
            text = repr(value)
    except Exception as error:
        text = "<%s whose repr failed: %s>" % (type(value).__name__, type(error).__name__)
    return text if len(text) <= TEXT_UNITS else text[:TEXT_UNITS] + "… (%d characters)" % len(text)


def _call(value, name):
    if isinstance(value, type):
        return None
    method = getattr(value, name, None)
    if not callable(method):
        return None
    try:
        return method()
    except Exception:
        return None


def _sizes(metadata):
    """How large an image wants to be shown, as IPython writes it beside the data."""
    found = metadata if isinstance(metadata, dict) else {}
    return {name: int(found[name]) for name in ("width", "height") if isinstance(found.get(name), (int, float)) and 1 <= found[name] <= 20000}


def _part(mime_type, data, display_bytes, metadata=None):
    if isinstance(data, tuple):
        data, metadata = data[0], data[1] if len(data) > 1 else metadata
    if data is None:
        return None
    if isinstance(data, (bytes, bytearray)):
        body = base64.b64encode(data).decode("ascii")
    elif isinstance(data, str):
        body = data
    else:
        body = json.dumps(data, default=str)
    if len(body) > display_bytes:
        return None
    part = dict(_sizes(metadata), mimeType=mime_type, data=body)
    if isinstance(data, (bytes, bytearray)) or mime_type in ("image/png", "image/jpeg", "image/gif", "application/pdf"):
        part["base64"] = True
    return part


def parts_of(value, display_bytes):
    """Every representation the value offers, the plain text last."""
    figure = getattr(sys.modules.get("matplotlib.figure"), "Figure", None)
    if figure is not None and isinstance(value, figure):
        return _figure_parts(value, display_bytes)
    bundle = _call(value, "_repr_mimebundle_")
    metadata = {}
    if isinstance(bundle, tuple):
        bundle, metadata = bundle[0], bundle[1] if len(bundle) > 1 and isinstance(bundle[1], dict) else {}
    found = dict(bundle) if isinstance(bundle, dict) else {}
    for mime_type, method in _methods:
        if mime_type not in found:
            data = _call(value, method)
            if data is not None:
                found[mime_type] = data
    found.setdefault("text/plain", None)
    plain = found.pop("text/plain")
    parts = [_part(mime_type, data, display_bytes, metadata.get(mime_type, metadata)) for mime_type, data in found.items()]
    parts.append({"mimeType": "text/plain", "data": (plain if isinstance(plain, str) else _plain(value))[:TEXT_UNITS]})
    return [part for part in parts if part]


def _figure_parts(figure, display_bytes):
    """Draws the figure and closes it, so that the end of the cell does not show it again."""
    svg = sys.modules["matplotlib"].rcParams.get("savefig.format") == "svg"
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg" if svg else "png", bbox_inches="tight")
    data = buffer.getvalue()
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)
    part = _part("image/svg+xml", data.decode("utf-8"), display_bytes) if svg else _part("image/png", data, display_bytes)
    return [item for item in (part, {"mimeType": "text/plain", "data": repr(figure)}) if item]


class Display:
    """`display`, `update_display` and `clear_output`, as builtins."""

    def __init__(self, log, display_bytes):
        self._log = log
        self.display_bytes = display_bytes

    def display(self, *values, display_id=None, update=False):
        """Shows each value in its richest form. With display_id (True makes one) it can be updated later."""
        name = uuid.uuid4().hex if display_id is True else display_id
        for value in values:
            self._show(parts_of(value, self.display_bytes), name, update)
        return name

    def update_display(self, value, display_id):
        """Replaces what was shown under display_id."""
        self._show(parts_of(value, self.display_bytes), display_id, True)

    def clear_output(self, wait=False):
        """Clears the output of the cell; with wait only when the next output comes."""
        self._log.emit({"type": "clear", "wait": bool(wait)})

    def _show(self, parts, name, update):
        event = {"type": "display", "parts": parts}
        if name is not None:
            event["id"] = str(name)[:200]
            if update:
                event["update"] = True
        self._log.emit(event)

    def show_figures(self):
        """At the end of a cell: what pyplot has drawn is shown and closed."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None or not hasattr(pyplot, "get_fignums"):
            return
        for number in pyplot.get_fignums():
            figure = pyplot.figure(number)
            if figure.get_axes() or figure.texts or figure.images:
                self._show(_figure_parts(figure, self.display_bytes), None, False)
        pyplot.close("all")


def quiet_agg():
    """`plt.show()` under Agg warns that it cannot; here it does nothing, and the figure is shown after the cell."""
    warnings.filterwarnings("ignore", message=".*non-interactive, and thus cannot be shown.*")
