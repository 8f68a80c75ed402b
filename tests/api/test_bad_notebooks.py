"""Bad input against the whole app: names, texts, notebooks, the files beside them, damaged bytes.

The numbers are rows of the catalogue. For every one of them: 4xx, application/problem+json, a stable code,
nothing of the value in the answer, no row changed, never a 5xx.
"""

import json

import pytest
from bad_world import ECHO, NOTEBOOK, RUN, SCHEDULE, UPLOAD, changed, check_refused

pytestmark = pytest.mark.usefixtures("nothing_changes")


# ---------------------------------------------------------------- 39-47: names and text

BAD_LINES = [
    "",
    "   ",
    " zebracrossing",
    "x" * 4096,
    "x" * 900_000,
    "zebra\u202ecrossing",
    "zebra\u200bcrossing",
    "\ufeffzebracrossing",
    "zebra\x07crossing",
    "zebra\ncrossing",
    "Subject\r\nBcc: zebracrossing",
    "a" + "\u0301" * 1000,
]


@pytest.mark.parametrize("name", BAD_LINES, ids=range(len(BAD_LINES)))
@pytest.mark.parametrize("field", ["name", "tags"])
def test_39_to_45_a_name_that_cannot_be_shown_on_one_line(world, field, name):
    value = [name] if field == "tags" else name

    check_refused(world.ask("POST", "/schedules", json=changed(SCHEDULE, **{field: value})), 422, field=field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("description", "x" * 10_001),
        ("description", "zebra\x1b[2Jcrossing"),
        ("description", "zebra\u2066crossing"),
        ("runbook_url", "javascript:alert(1)"),
        ("runbook_url", "https://user:pass@zebracrossing.example/"),
        ("runbook_url", "https:///path"),
        ("runbook_url", "https://a b/"),
        ("runbook_url", "https://a/\r\nx"),
        ("runbook_url", "https://a.example/" + "x" * 3000),
        ("tags", [str(n) for n in range(10_000)]),
        ("tags", ["a", "a"]),
        ("tags", ["zebra,crossing"]),
        ("owner", "zebra\u202ecrossing"),
    ],
    ids=range(13),
)
def test_46_and_47_text_links_and_tags(world, field, value):
    check_refused(world.ask("POST", "/schedules", json=changed(SCHEDULE, **{field: value})), 422, field=field)


# ---------------------------------------------------------------- 48-61: notebooks


def cell(**changes):
    base = {
        "id": "a",
        "cell_type": "code",
        "metadata": {},
        "source": "",
        "outputs": [],
        "execution_count": None,
    }
    return {**base, **changes}


BAD_NOTEBOOKS = {
    "null": None,
    "list": [],
    "number": 1,
    "text": "<html>zebracrossing</html>",
    "empty": {},
    "no version": {"cells": [], "metadata": {}},
    "version 1": changed(NOTEBOOK, nbformat=1),
    "version 2": changed(NOTEBOOK, nbformat=2),
    "version 5": changed(NOTEBOOK, nbformat=5),
    "version text": changed(NOTEBOOK, nbformat="4"),
    "version float": changed(NOTEBOOK, nbformat=4.0),
    "version -1": changed(NOTEBOOK, nbformat=-1),
    "version true": changed(NOTEBOOK, nbformat=True),
    "minor null": changed(NOTEBOOK, nbformat_minor=None),
    "minor -1": changed(NOTEBOOK, nbformat_minor=-1),
    "id with space": changed(NOTEBOOK, cells=[cell(id="a b")]),
    "id too long": changed(NOTEBOOK, cells=[cell(id="a" * 65)]),
    "id number": changed(NOTEBOOK, cells=[cell(id=5)]),
    "cells null": changed(NOTEBOOK, cells=None),
    "cells object": changed(NOTEBOOK, cells={}),
    "cell text": changed(NOTEBOOK, cells=["zebracrossing"]),
    "cell type": changed(NOTEBOOK, cells=[cell(cell_type="zebracrossing")]),
    "source number": changed(NOTEBOOK, cells=[cell(source=5)]),
    "source mixed": changed(NOTEBOOK, cells=[cell(source=["a", 1])]),
    "outputs object": changed(NOTEBOOK, cells=[cell(outputs={})]),
    "metadata list": changed(NOTEBOOK, metadata=[]),
    "cell metadata": changed(NOTEBOOK, cells=[cell(metadata="zebracrossing")]),
}


@pytest.mark.parametrize("name", BAD_NOTEBOOKS)
def test_48_to_57_what_is_no_notebook(world, name):
    answer = world.ask("POST", "/notebooks", json={"path": "bad.ipynb", "content": BAD_NOTEBOOKS[name]})

    check_refused(answer, 422, field="content")


def test_54_a_notebook_nested_too_deeply(world):
    deep: object = 1
    for _ in range(900):
        deep = [deep]

    answer = world.ask(
        "POST", "/notebooks", json=changed(UPLOAD, content=changed(NOTEBOOK, metadata={"x": deep}))
    )

    check_refused(answer, {400, 422}, "too_deep")


def test_59_a_notebook_of_too_many_cells(world):
    many = changed(NOTEBOOK, cells=[cell(id=f"c{n}") for n in range(20_000)])

    check_refused(world.ask("POST", "/notebooks", json=changed(UPLOAD, content=many)), 413)


@pytest.mark.parametrize(
    "kernelspec", [None, "zebracrossing", {"name": "../../zebracrossing"}, {"name": 5}, {"name": "a\tb"}, {}]
)
def test_55_a_kernel_that_cannot_be_read_is_found_at_once_and_refused_before_the_night(
    world, untidy, kernelspec
):
    content = changed(NOTEBOOK, metadata={"kernelspec": kernelspec} if kernelspec is not None else {})
    version = world.post("/notebooks", {"path": "kernels/odd.ipynb", "content": content}).json()

    assert ("kernel", "error") in {(f["rule"], f["severity"]) for f in version["findings"]}
    assert ECHO not in json.dumps(version["findings"])
    answer = world.ask("POST", "/schedules", json=changed(SCHEDULE, name="odd", notebook=version["sha256"]))
    check_refused(answer, 422, field="kernel")


def test_57_parameters_in_a_text_cell_are_found(world, untidy):
    text = {"id": "a", "cell_type": "markdown", "metadata": {"tags": ["parameters"]}, "source": "x = 1"}
    content = changed(NOTEBOOK, cells=[text])

    version = world.post("/notebooks", {"path": "odd.ipynb", "content": content}).json()

    assert ("parameters", "error", 0) in {(f["rule"], f["severity"], f["cell"]) for f in version["findings"]}


@pytest.mark.parametrize("field", ["schedules", "runs"])
def test_55_a_kernel_is_named_when_the_run_is_asked_for(world, field):
    body = changed(SCHEDULE if field == "schedules" else RUN, kernel="../zebracrossing")

    check_refused(world.ask("POST", f"/{field}", json=body), 422, field="kernel")


BAD_PATHS = [
    "",
    "/etc/passwd",
    "../zebracrossing.ipynb",
    "a/../zebracrossing.ipynb",
    "a/./b.ipynb",
    "a//b.ipynb",
    "..\\zebracrossing.ipynb",
    "C:\\zebracrossing.ipynb",
    "C:/zebracrossing.ipynb",
    "\\\\srv\\zebracrossing",
    "//srv/zebracrossing",
    "file:///zebracrossing",
    "http://zebracrossing.example/a.ipynb",
    "s3://zebracrossing/a.ipynb",
    "gs://zebracrossing/a.ipynb",
    "~/zebracrossing.ipynb",
    "a/",
    "a\nb.ipynb",
    "x" * 1025,
    "é" * 600,
    "d/" + "x" * 256,
]


@pytest.mark.parametrize("path", BAD_PATHS, ids=range(len(BAD_PATHS)))
def test_108_and_112_a_path_is_a_label_within_bounds(world, path):
    check_refused(world.ask("POST", "/notebooks", json=changed(UPLOAD, path=path)), 422, field="path")


@pytest.mark.parametrize("path", BAD_PATHS, ids=range(len(BAD_PATHS)))
def test_108_a_sibling_lies_beside_the_notebook(world, path):
    files = [{"path": path, "base64": ""}]

    check_refused(world.ask("POST", "/notebooks", json=changed(UPLOAD, files=files)), 422, field="files")


@pytest.mark.parametrize(
    "files",
    [
        [{"path": "a.csv", "base64": "zebracrossing!"}],
        [{"path": "a.csv", "base64": "YQ"}],
        [{"path": "a.csv", "base64": "YQ=="}, {"path": "a.csv", "base64": "Yg=="}],
        [{"path": "A.csv", "base64": "YQ=="}, {"path": "a.csv", "base64": "Yg=="}],
        [{"path": "a", "base64": "YQ=="}, {"path": "a/b", "base64": "Yg=="}],
        [{"path": f"{n}.csv", "base64": ""} for n in range(201)],
    ],
    ids=["alphabet", "padding", "twice", "case", "file and folder", "many"],
)
def test_108_siblings_that_cannot_all_be_written(world, files):
    check_refused(world.ask("POST", "/notebooks", json=changed(UPLOAD, files=files)), 422, field="files")


@pytest.mark.parametrize(
    "notebook", [path for path in BAD_PATHS if path] + ["zebracrossing.ipynb", "b" * 64, "{run}"]
)
def test_112_a_run_of_a_notebook_that_nobody_uploaded(world, notebook):
    answer = world.ask("POST", "/runs", json={"notebook": notebook})

    check_refused(answer, {404, 422}, field="notebook")


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fnightbook.db", "%2fetc%2fpasswd", "..%5cx", "notebook.ipynb%00", "zebracrossing", "%ff"],
)
def test_108_and_113_an_artifact_that_the_run_did_not_leave(world, name):
    check_refused(world.ask("GET", f"/runs/{world.run['id']}/artifacts/{name}"), {404, 422})


# ---------------------------------------------------------------- 115: what is stored is what was sent


def test_115_changed_bytes_are_never_served(world):
    version = world.version["sha256"]
    (path,) = (path for path in world.settings.home.rglob(version) if path.is_file())
    kept = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(kept.replace(b"north", b"south"))
    try:
        check_refused(
            world.ask("GET", f"/versions/{world.version['sha256']}/content"), {409, 502}, "integrity_error"
        )
    finally:
        path.write_bytes(kept)
        path.chmod(0o444)
