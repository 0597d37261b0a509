"""What a lane is told about its inputs."""

import pytest

from nbflow.core.graph import Graph
from nbflow.core.names import Name
from nbflow.core.notebook import CellId
from nbflow.core.step import Input, Step, StepId, StepName
from nbflow.core.task import Blob
from nbflow.project.specs import superseded


def a_step(position: int, writes: str = "", reads: str = "") -> Step:
    """Step number `position`; reads are `name@number` of the writer."""
    given = (read.split("@") for read in reads.split())
    return Step(
        id=StepId(f"s{position}"),
        name=StepName(f"s{position}"),
        title=None,
        language="python",
        position=position,
        cells=(CellId(f"c{position}"),),
        cell_indexes=(position,),
        sources=("",),
        inputs=tuple(Input(name=Name(name), writer=StepId(f"s{at}")) for name, at in given),
        declared_writes=tuple(map(Name, writes.split())),
    )


GROUP = Blob(names=("keep", "x"), kind="pickle", digest="1", suffix="pickle")
NEWER = Blob(names=("x",), kind="json", digest="2", suffix="json")


@pytest.mark.parametrize(
    ("between", "reads", "inputs", "old"),
    [
        ("", "keep@0", {"keep": GROUP}, ()),
        ("", "keep@0 x@0", {"keep": GROUP, "x": GROUP}, ()),
        ("x", "keep@0 x@1", {"keep": GROUP, "x": NEWER}, ("x",)),
        ("x", "x@1 keep@0", {"x": NEWER, "keep": GROUP}, ("x",)),
        ("x", "keep@0", {"keep": GROUP}, ("x",)),
        ("keep", "x@0", {"x": GROUP}, ("keep",)),
    ],
)
def test_an_old_member_of_a_group_is_told(
    between: str, reads: str, inputs: dict[str, Blob], old: tuple[str, ...]
) -> None:
    step = a_step(2, reads=reads)
    steps = (a_step(0, "keep x"), a_step(1, between), step)
    graph = Graph(notebook="n.ipynb", parameters=(), steps=steps, definitions=(), edges=())
    given = {Name(name): blob for name, blob in inputs.items()}
    assert superseded(graph, step, GROUP, given) == old
