"""How a process ends that has asked DuckDB."""

import subprocess
import sys

# Something keeps the class for longer than the interpreter lives, as servers under uvicorn were seen to do.
KEPT = (
    "import ctypes; from orderbook.query.session import Session; ctypes.pythonapi.Py_IncRef(ctypes.py_object(Session))"
)


def test_a_process_that_keeps_the_session_class_ends_without_a_word() -> None:
    """DuckDB's bindings write sixty lines on standard error for each of their types that is kept so."""
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
