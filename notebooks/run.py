"""Runs a notebook from top to bottom; ends with status 1 and the error when a cell fails.

usage: run.py NOTEBOOK [EXECUTED]: with a second name, what came out is written there.
"""

import sys

import nbclient
import nbformat
from nbclient.exceptions import CellExecutionError

CELL_SECONDS = 180

notebook = nbformat.read(sys.argv[1], as_version=4)
try:
    nbclient.NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", record_timing=False).execute()
except CellExecutionError as error:
    sys.exit(f"{sys.argv[1]}: {error}")
# What the kernel says about itself differs from machine to machine.
notebook.metadata["language_info"] = {"name": "python"}
for name in sys.argv[2:]:
    nbformat.write(notebook, name)
for cell in notebook.cells:
    for output in cell.get("outputs", []):
        print(output.get("text", ""), end="")
