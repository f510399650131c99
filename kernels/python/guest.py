"""Run by silent cells of an ipykernel (`runpy.run_path`): the built-in kernel's package, without a path of ours among the
user's, and what such a cell asks of it."""
import importlib.util
import os
import sys

_name = "meshbook_kernel"

if _name not in sys.modules:
    _folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), _name)
    _spec = importlib.util.spec_from_file_location(
        _name, os.path.join(_folder, "__init__.py"), submodule_search_locations=[_folder]
    )
    sys.modules[_name] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[_name])

visiting = importlib.import_module(_name + ".visiting")
