"""Entry of the Python kernel: `python3 kernel.py CONFIG.json`. The protocol is in ../SPEC.md."""
import json
import os
import sys


def main():
    # Descriptors that somebody above the daemon forgot to close would be dumped with the session.
    os.closerange(3, 4096)
    with open(sys.argv[1], encoding="utf-8") as file:
        config = json.load(file)
    from meshbook_kernel.session import Session

    # From here on the interpreter looks as if it had been started by hand in the project's folder.
    sys.argv = [""]
    sys.path[0] = ""
    os.chdir(config["cwd"])
    Session(config).serve()


if __name__ == "__main__":
    main()
