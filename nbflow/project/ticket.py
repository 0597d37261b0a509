"""What travels through papermill from the verb that starts a run to the engine that conducts it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

from nbflow.notebook.assemble import assemble, expected_errors_as_text
from nbflow.notebook.read import drift
from nbflow.notebook.report import with_report
from nbflow.notebook.save import write_atomic
from nbflow.project.conduct import Conducted, conduct
from nbflow.project.desk import Desk
from nbflow.project.opened import Opened
from nbflow.project.order import Order


@dataclass(slots=True)
class Ticket:
    """One run on its way through papermill. `conducted` and `node` are there when it comes back."""

    desk: Desk
    opened: Opened
    values: Mapping[str, Any]
    order: Order
    input_path: str | None = None
    output_path: str | None = None
    conducted: Conducted | None = None
    node: NotebookNode | None = None

    def redeem(self) -> None:
        """Conduct the run; the result lies in its folder."""
        self.conducted = conduct(self.desk, self.opened, self.values, self.order, self._publish)

    def for_papermill(self) -> NotebookNode:
        """The executed notebook as papermill goes on with it."""
        assert self.node is not None
        return expected_errors_as_text(self.node)

    def _publish(self, conducted: Conducted) -> str:
        executed = conducted.executed
        node = assemble(
            self.opened.with_injected(self.values),
            conducted.run,
            outputs=executed.cell_outputs,
            times=executed.cell_times,
            input_path=self.input_path or str(self.opened.path),
            output_path=self.output_path,
        )
        changed = drift(self.opened.notebook, root=self.desk.layout.root)
        self.node = with_report(
            node,
            conducted.run,
            times=executed.cell_times,
            notices=[changed] if changed is not None else [],
        )
        target = self.desk.layout.run(self.order.run) / self.opened.path.name
        write_atomic(self.node, target, source=self.opened.path)
        return str(target)
