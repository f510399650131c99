"""The in-tree server and runner of the Python kernel. Standard library only, Python 3.8 or later."""
