"""`foedus oidc …`: the OpenID provider that people may sign in with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from foedus.faces.cli.output import as_json, out, told
from foedus.kernel.errors import Fault, Refused
from foedus.node import setup

oidc = typer.Typer(help="Sign-in through an OpenID Connect provider.", no_args_is_help=True)

Data = Annotated[Path, typer.Option("--data", help="The node's folder.", envvar="FOEDUS_DATA")]


@oidc.command(
    "set",
    epilog="Example: foedus oidc set --data fin --issuer https://id.example --client-id foedus --redirect-uri https://node.example/signin/oidc/callback",
)
def set_(
    data: Data,
    issuer: Annotated[str, typer.Option(help="Exactly as the provider writes it.")],
    client_id: Annotated[str, typer.Option(help="As registered at the provider.")],
    redirect_uri: Annotated[str, typer.Option(help="This node's address with /signin/oidc/callback.")],
    client_secret_file: Annotated[
        Path | None, typer.Option(help="A file that holds the secret; none: PKCE alone.")
    ] = None,
    title: Annotated[str, typer.Option(help="What the sign-in page calls it.")] = "OpenID Connect",
    provision: Annotated[
        bool, typer.Option("--provision", help="Make a reader's account for whoever it confirms.")
    ] = False,
    accept_clearance: Annotated[
        bool, typer.Option("--accept-clearance", help="The claim aciClr decides what people are cleared for.")
    ] = False,
) -> None:
    """Set the provider; it holds from the next start of the node on."""
    from foedus.faces.http import oidc_settings
    from foedus.faces.http.openid import OidcSettings

    with told():
        setup.load(data)
        try:
            settings = OidcSettings(
                issuer=issuer,
                client_id=client_id,
                redirect_uri=redirect_uri,
                client_secret_file=client_secret_file.resolve() if client_secret_file else None,
                title=title,
                provision=provision,
                accept_clearance=accept_clearance,
            )
        except ValueError as error:
            raise Refused([Fault("invalid-settings", str(error))]) from error
        oidc_settings.save(data, settings)
        out.print(
            f"people may sign in through {issuer} from the next `foedus up` on; bind them with `foedus user bind`"
        )


@oidc.command("show", epilog="Example: foedus oidc show --data fin")
def show(data: Data) -> None:
    """The provider that is set."""
    from foedus.faces.http import oidc_settings

    with told():
        settings = oidc_settings.load(data)
        as_json(msgspec.to_builtins(settings, enc_hook=str) if settings else None)


@oidc.command("remove", epilog="Example: foedus oidc remove --data fin")
def remove(data: Data) -> None:
    """No provider any more, from the next start on."""
    from foedus.faces.http import oidc_settings

    with told():
        oidc_settings.remove(data)
        out.print("no provider is set")
