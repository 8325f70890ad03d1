"""What is taken from a notebook, and versions of deployments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from freshet import FreshetError, cli
from freshet.worker.deployments import Deployments
from freshet.worker.notebooks import source_of

MODULE = """
from freshet import query, task

@query(timeout="500ms")
def greeting(context, name: str, times: int = 1, loud: bool = False):
    '''Greets somebody.

    At length.'''
    return {"text": " ".join([f"hello {name}"] * times)}

@task(every="5m", catch_up="skip")
def nightly(context):
    context.put("x", 1)
"""


def notebook(path: Path, *cells: str) -> Path:
    content = {
        "cells": [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content))
    return path


def test_notebook_gives_what_its_queries_need(tmp_path: Path) -> None:
    path = notebook(
        tmp_path / "n.ipynb",
        "%matplotlib inline\nimport json, math\nfrom freshet import query\nimport matplotlib.pyplot as plt",
        "!ls\nFACTOR = 2\nUNUSED = open('/etc/hostname').read()",
        "%%bash\nls -l",
        "plt.plot([1, 2]); plt.show()",
        "def half(x):\n    return [y / FACTOR for y in [x]][0]\n\ndef unused():\n    return plt",
        "@query(timeout='1s')\ndef answer(context, x: float):\n    return half(math.floor(x))",
        "context = open('/etc/hostname'); x = 5; y = [1 / 0]\nanswer(None, 5)",
    )
    source = source_of(path)
    for kept in ("import json, math", "from freshet import query", "FACTOR = 2", "def half", "@query(timeout='1s')"):
        assert kept in source
    for dropped in ("matplotlib", "UNUSED", "unused", "answer(None", "plt.", "ls", "hostname", "1 / 0"):
        assert dropped not in source
    scope: dict[str, object] = {}
    exec(compile(source, "n", "exec"), scope)
    assert scope["answer"](None, 5.5) == 2.5  # type: ignore[operator]


def test_cell_that_is_no_python_is_named(tmp_path: Path) -> None:
    with pytest.raises(FreshetError, match="code cell 2, line 1: .*invalid syntax"):
        source_of(notebook(tmp_path / "n.ipynb", "import json", "x = = 1"))
    with pytest.raises(FreshetError, match="no function with @task or @query"):
        source_of(notebook(tmp_path / "n.ipynb", "import json"))
    (tmp_path / "broken.ipynb").write_text("{}")
    with pytest.raises(FreshetError, match="is no notebook"):
        source_of(tmp_path / "broken.ipynb")


def test_versions(tmp_path: Path) -> None:
    store, module = Deployments(tmp_path / "store"), tmp_path / "shop.py"
    module.write_text(MODULE)
    first, is_new = store.deploy(module)
    assert (first.name, first.number, is_new) == ("shop", 1, True)
    (found,) = first.queries
    assert (found.name, found.timeout, found.summary) == ("greeting", 0.5, "Greets somebody.")
    assert [(each.name, each.kind, each.is_required) for each in found.parameters] == [
        ("name", "str", True),
        ("times", "int", False),
        ("loud", "bool", False),
    ]
    assert [(each.name, each.every, each.catch_up) for each in first.tasks] == [("nightly", 300, "skip")]
    assert store.deploy(module) == (first, False)
    module.write_text(MODULE.replace("hello", "good day"))
    assert store.deploy(module)[0].number == 2
    assert store.roll_back("shop").number == 1
    with pytest.raises(FreshetError, match="no version before 1"):
        store.roll_back("shop")
    assert store.roll_back("shop", 2).number == 2
    with pytest.raises(FreshetError, match=r"no version 9 of shop; versions: 1, 2"):
        store.roll_back("shop", 9)
    store.remove("shop")
    assert store.current("shop") is None
    assert store.roll_back("shop", 1).number == 1


def test_module_that_does_not_load_changes_nothing(tmp_path: Path) -> None:
    store, module = Deployments(tmp_path / "store"), tmp_path / "shop.py"
    module.write_text(MODULE)
    store.deploy(module)
    for text, message in (
        (MODULE + "\nimport no_such_module", "no_such_module"),
        (MODULE + "\n1 / 0", "ZeroDivisionError"),
        (MODULE.replace("times: int", "times: dict"), "times has the type dict"),
        (MODULE.replace('every="5m"', 'every="soon"'), "is no length of time"),
        ("x = 1", "no function with @task or @query"),
    ):
        module.write_text(text)
        with pytest.raises(FreshetError, match=message):
            store.deploy(module)
    assert store.numbers("shop") == [1]
    assert store.current_number("shop") == 1
    assert [path.name for path in (tmp_path / "store/shop").iterdir() if path.name.startswith(".staging")] == []


def test_two_deployments_may_not_have_a_query_of_one_name(tmp_path: Path) -> None:
    store = Deployments(tmp_path / "store")
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(MODULE)
    store.deploy(tmp_path / "a.py")
    with pytest.raises(FreshetError, match="the deployment a has a (task nightly|query greeting), too"):
        store.deploy(tmp_path / "b.py")
    store.remove("a")
    assert store.deploy(tmp_path / "b.py")[0].number == 1
    with pytest.raises(FreshetError, match="the deployment b has a"):
        store.roll_back("a", 1)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module, store = tmp_path / "shop.py", str(tmp_path / "store")
    module.write_text(MODULE)
    assert cli.main(["deploy", str(module), "--store", store]) == 0
    assert "query GET /v1/queries/greeting?name=STR, at most 0.5 s" in capsys.readouterr().out
    assert cli.main(["deploy", str(module), "--store", store, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changed"] is False
    assert cli.main(["list", "--store", store, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["deployments"][0]["current"] == 1
    assert cli.main(["rollback", "shop", "--store", store]) == 1
    assert "no version before" in capsys.readouterr().err
    assert cli.main(["remove", "shop", "--store", store]) == 0
    assert cli.main(["list", "--store", store]) == 0
    assert "out of service" in capsys.readouterr().out
    assert cli.main(["worker", "--store", store, "--listen", "0.0.0.0:1"]) == 1
    assert "give --token-file" in capsys.readouterr().err
    assert cli.main(["deploy", str(tmp_path / "none.py"), "--store", store]) == 1
