"""Submodules that are reached by attribute are there, as in Run All."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from nbflow.inside.submodules import bring_in
import {package}
bring_in([{text!r}], {{"it": {package}, "number": 1}})
print({module!r} in sys.modules)
"""


@pytest.mark.parametrize(
    ("package", "text", "module", "there"),
    [
        pytest.param("xml", "x = it.dom.minidom.parse(f)", "xml.dom.minidom", True, id="two_deep"),
        pytest.param("xml", "it\n.dom", "xml.dom", False, id="on_another_line"),
        pytest.param("xml", "other.dom", "xml.dom", False, id="another_name"),
        pytest.param("xml", "it.nothing.dom", "xml.dom", False, id="missing"),
        pytest.param("json", "it.tool", "json.tool", True, id="module_of_a_package"),
        pytest.param("math", "it.pi.real", "math", True, id="no_package"),
        pytest.param("math", "number.real.imag", "math", True, id="no_module"),
    ],
)
def test_what_is_reached_by_attribute_is_imported(
    package: str, text: str, module: str, there: bool
) -> None:
    code = SCRIPT.format(package=package, text=text, module=module)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(there)]
