"""What the caller asks of one run beyond the notebook itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """`force` runs everything again, `force_steps` the named steps; `until`, `from_` and `only`
    select steps by name (`until`: these and what they need; `from_`: these and what needs them;
    `only`: just these, with inputs from former runs); `one_lane` runs the whole notebook in one
    kernel."""

    force: bool = False
    force_steps: tuple[str, ...] = ()
    until: tuple[str, ...] = ()
    from_: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    one_lane: bool = False
    executor: str | None = None
