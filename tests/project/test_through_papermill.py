"""papermill is the outer call; it is imported with what a run needs of it."""

import subprocess
import sys
import textwrap


def test_pyarrow_is_imported_when_somebody_writes_to_hdfs() -> None:
    code = """
        import sys
        from nbflow.project import through_papermill

        through_papermill._load_papermill()
        assert "papermill.iorw" in sys.modules
        assert "pyarrow" not in sys.modules
        from papermill import iorw

        assert iorw.FileSelector("/folder").base_dir == "/folder"
        assert "pyarrow" in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
