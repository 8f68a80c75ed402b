"""`nightbook token …`: through the API as an administrator, or with --local straight in the database."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from nightbook.commands import operate
from nightbook.commands.connection import ConfigOption, connect, load_settings
from nightbook.commands.output import Output, OutputOption, print_document, print_list, say
from nightbook.schemas import TokenView

app = typer.Typer(no_args_is_help=True, help="Tokens: who may ask, and for what.")

LocalOption = Annotated[
    bool,
    typer.Option("--local", help="Straight in the server's database, on its machine; for the first token."),
]
#: What a person needs to author, run and read.
_AUTHOR = ["schedules:read", "schedules:write", "runs:read", "runs:trigger", "runs:cancel", "artifacts:read"]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="A scope; may be given several times. By default what an author needs."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="pat (a person), svc (a service) or wrk (a worker).")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="In whose name it acts; by default yours.")] = None,
    pool: Annotated[list[str] | None, typer.Option(help="A pool that a worker's token covers.")] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it is valid.")] = 90,
    save: Annotated[
        Path | None, typer.Option("--save", help="Put it into this new file (0600) instead of printing it.")
    ] = None,
    local: LocalOption = False,
    config: ConfigOption = None,
    output: OutputOption = Output.table,
) -> None:
    """Make a token. It is shown this once."""
    kind = kind or ("wrk" if scope == ["worker"] else "pat")
    scopes = scope or (["worker"] if kind == "wrk" else _AUTHOR)
    fields = {"kind": kind, "owner": owner, "pools": pool, "expires_in_days": days}
    file = _new_file(save) if save else None
    try:
        made = _made(name, scopes, fields, local=local, config=config)
    except BaseException:
        if save is not None:
            save.unlink()
        raise
    if file is not None:
        with os.fdopen(file, "w") as opened:
            opened.write(f"{made.token}\n")
        say(f"Saved to {save}.")
        made = made.model_copy(update={"token": None})
    text = made.token or made.id
    print_document(made.model_dump(mode="json"), output, text)


def _made(
    name: str, scopes: list[str], fields: Mapping[str, Any], *, local: bool, config: Path | None
) -> TokenView:
    if local:
        manage = operate.manage("token create --local")
        made: TokenView = manage.create_token(load_settings(config), name, scopes, fields)
        return made
    with connect(load_settings(config)) as client:
        return client.tokens.create(name, scopes, **fields)


def _new_file(path: Path) -> int:
    """Made first, so that no token is made that then cannot be kept."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


@app.command("list")
def list_tokens(
    local: LocalOption = False, config: ConfigOption = None, output: OutputOption = Output.table
) -> None:
    """List the tokens, without their secrets."""
    columns = ("id", "name", "kind", "owner", "scopes", "pools", "expires", "last used", "revoked")
    if local:
        found = operate.manage("token list --local").list_tokens(load_settings(config))
        print_list(found, output, columns, _row)
        return
    with connect(load_settings(config)) as client:
        print_list(client.tokens.list(), output, columns, _row)


def _row(view: TokenView) -> tuple[object, ...]:
    ends = (view.expires_at, view.last_used_at, view.revoked_at)
    return view.id, view.name, view.kind, view.owner, view.scopes, view.pools, *ends


@app.command()
def revoke(
    token: Annotated[
        str, typer.Argument(metavar="ID", help="The token's id, as 'nightbook token list' shows it.")
    ],
    local: LocalOption = False,
    config: ConfigOption = None,
    output: OutputOption = Output.table,
) -> None:
    """End a token, at once and for ever."""
    if local:
        operate.manage("token revoke --local").revoke_token(load_settings(config), token)
    else:
        with connect(load_settings(config)) as client:
            client.tokens.revoke(token)
    if output is Output.table:
        say(f"Revoked {token}.")
    else:
        print_document({"id": token, "revoked": True}, output, "")
