"""What a notebook can show of its own runs, in any front end: `show()`, `runs()`, `parameters()`.

Pictures and tables are plain HTML that is exchanged by `display_id`: no script, so that it is there
in exported notebooks, too, where the state of widgets would leave an empty place.
"""

from nbflow.faces.widgets.form import parameters
from nbflow.faces.widgets.history import runs
from nbflow.faces.widgets.picture import show

__all__ = ["parameters", "runs", "show"]
