"""Makes a notebook as Jupyter does, with the outputs of a real kernel, or validates one: make-notebook.py make|check FILE."""
import sys

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, output_from_msg

SOURCES = [
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nimport pandas as pd\nplt.plot([1, 2]);",
    "print('hi')",
    "pd.DataFrame({'height': [1.5, 2.0]})",
    "import sys\nprint('to stderr', file=sys.stderr)\n40 + 2",
    "1/0",
]


def make(path):
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    cells = [new_markdown_cell("# A notebook\n\n```python\nnot_run()\n```\n")]
    for source in SOURCES:
        cell = new_code_cell(source)

        def keep(message, cell=cell):
            if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
                cell.outputs.append(output_from_msg(message))

        reply = client.execute_interactive(source, allow_stdin=False, output_hook=keep, timeout=60)
        cell.execution_count = reply["content"]["execution_count"]
        cells.append(cell)
    language = client.kernel_info(reply=True, timeout=20)["content"]["language_info"]
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": language})
    notebook.cells[2].metadata["tags"] = ["kept"]
    nbformat.validate(notebook)
    nbformat.write(notebook, path)


def check(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    print("valid", "same" if nbformat.writes(notebook) + "\n" == text else "other layout")


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](sys.argv[2])
