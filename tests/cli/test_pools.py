"""`nightbook pools …`."""

import pytest


def test_a_pool_is_made_changed_and_shown(nightbook):
    made = nightbook(
        *("pools", "create", "roomy", "--limit", "memory_bytes=4GiB", "--concurrency", "8", "-o", "json")
    )
    assert made.code == 0, made.err
    assert (made.json["limits"]["memory_bytes"], made.json["concurrency"]) == (4 * 1024**3, 8)

    edited = nightbook(
        *("pools", "edit", "roomy", "--limit", "processes=none", "--concurrency", "none", "--lease", "2m"),
        *("-o", "json"),
    )
    assert edited.code == 0, edited.err
    assert (edited.json["limits"]["memory_bytes"], edited.json["limits"]["processes"]) == (4 * 1024**3, None)
    assert (edited.json["concurrency"], edited.json["lease_seconds"]) == (None, 120)

    assert "4294967296" in nightbook("pools", "show", "roomy").out
    assert "roomy" in nightbook("pools", "list").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "say what to change"),
        (["--limit", "memory=4GB"], "there is no limit 'memory'"),
        (["--limit", "memory_bytes=lots"], "write a number"),
        (["--limit", "memory_bytes"], "write NAME=VALUE"),
        (["--concurrency", "-1"], "write a number"),
    ],
)
def test_a_wrong_edit_is_a_usage_error(nightbook, options, said):
    wrong = nightbook("pools", "edit", "default", *options)

    assert wrong.code == 2
    assert said in wrong.err


def test_a_limit_out_of_its_bounds_is_refused_with_its_name(nightbook):
    refused = nightbook("pools", "edit", "default", "--limit", "memory_bytes=1kB")

    assert refused.code == 1
    assert "memory_bytes" in refused.err


def test_who_is_no_administrator_cannot_change_a_pool(nightbook, house, monkeypatch):
    monkeypatch.setenv("NIGHTBOOK_TOKEN", house.cleo)

    assert nightbook("pools", "edit", "default", "--description", "x").code == 6
