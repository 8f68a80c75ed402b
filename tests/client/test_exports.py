"""Exports over the client: saved whole or not at all, under a name that leaves no folder."""

import hashlib

import httpx
import pytest

from nightbook.client import Conflicting, Damaged, ServerFault

BODY = b"%PDF-1.4"


def answer(disposition, body=BODY):
    etag = f'"{hashlib.sha256(BODY).hexdigest()}"'
    return httpx.Response(200, content=body, headers={"content-disposition": disposition, "etag": etag})


def test_the_formats_are_told_with_reasons(client):
    formats = client.runs.export_formats()

    assert [one.format for one in formats] == ["ipynb", "html", "slides", "pdf"]
    assert all(one.is_available or one.reason for one in formats)


def test_what_was_wished_is_asked_for(script, tmp_path):
    server = script(answer('attachment; filename="a.pdf"'))

    saved = server.client().runs.export("1", "pdf", tmp_path, show_code=False, paper="letter")

    assert saved == tmp_path / "a.pdf"
    assert saved.read_bytes() == BODY
    (asked,) = server.requests
    assert asked.url.path.endswith("/runs/1/export/pdf")
    assert dict(asked.url.params) == {"code": "hidden", "paper": "letter"}


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="../../evil.pdf"', "evil.pdf"),
        ("attachment; filename=\"_.pdf\"; filename*=UTF-8''%2Fetc%2F%C3%BC.pdf", "ü.pdf"),
        ('attachment; filename="C:\\\\evil.pdf"', "evil.pdf"),
        ('attachment; filename=".."', "1.pdf"),
        ("", "1.pdf"),
    ],
)
def test_a_name_from_the_server_stays_in_the_folder(script, tmp_path, disposition, name):
    saved = script(answer(disposition)).client().runs.export("1", "pdf", tmp_path)

    assert [*tmp_path.iterdir()] == [saved] == [tmp_path / name]


def test_damaged_bytes_never_become_a_file(script, tmp_path):
    with pytest.raises(Damaged):
        script(answer("", b"%PDF")).client().runs.export("1", "pdf", tmp_path)

    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(409, "not_ended", Conflicting), (501, "export_unavailable", ServerFault)]
)
def test_a_refusal_is_raised_with_its_code(script, tmp_path, status, code, kind):
    document = {"type": "", "title": "", "status": status, "detail": "Do this.", "code": code}
    refused = httpx.Response(status, json=document, headers={"content-type": "application/problem+json"})

    with pytest.raises(kind, match="Do this") as told:
        script(refused).client().runs.export("1", "pdf", tmp_path)

    assert told.value.code == code
    assert [*tmp_path.iterdir()] == []
