"""The foreman: introduces the stations to each other and offers the verbs that faces call.

What is offered is imported when it is asked for: a kernel that only wants `parse_sql` must not wait
for everything that a run needs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbflow.analysis.sql_names import parse_sql
    from nbflow.project.direct import run_for_papermill
    from nbflow.project.loading import load
    from nbflow.project.project import Project

__all__ = ["Project", "load", "parse_sql", "run_for_papermill"]


def __getattr__(name: str) -> Any:
    if name == "Project":
        from nbflow.project.project import Project

        return Project
    if name == "load":
        from nbflow.project.loading import load

        return load
    if name == "parse_sql":
        from nbflow.analysis.sql_names import parse_sql

        return parse_sql
    if name == "run_for_papermill":
        from nbflow.project.direct import run_for_papermill

        return run_for_papermill
    raise AttributeError(f"module 'nbflow.project' has no attribute {name!r}")
