"""What a command acts on: a policy in a cluster, with the user's own credentials, or one in a file."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from extender.kube import ActingAs, KubeApi

NAMESPACE, CONFIGMAP, DEPLOYMENT = "trimtab-system", "trimtab-policy", "rescheduler-scheduler"
ADMIN = "http://127.0.0.1:8889"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    kubeconfig: str | None = None
    context: str | None = None
    acting_as: ActingAs | None = None
    namespace: str = NAMESPACE
    configmap: str = CONFIGMAP
    policy_file: Path | None = None
    history: Path | None = None
    audit_trail: Path | None = None
    signing_key: Path | None = None
    sealing_key: Path | None = None
    extender: str | None = None
    """Admin address of the extender, if one was named."""

    @property
    def admin(self) -> str:
        """Where the extender is asked."""
        return self.extender or ADMIN

    @property
    def words(self) -> str:
        """For messages."""
        return str(self.policy_file) if self.policy_file else f"configmap/{self.namespace}/{self.configmap}"

    async def connect(self) -> KubeApi:
        """The API server, as the user. Raises KubeError; nothing is sent yet."""
        return await KubeApi.connect(self.kubeconfig, context=self.context, acting_as=self.acting_as)


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say what to act on, given to the command as `target`."""

    @functools.wraps(command)
    def with_target(
        *args: Any,
        kubeconfig: str | None,
        context: str | None,
        acting_as: str | None,
        acting_as_groups: tuple[str, ...],
        namespace: str,
        configmap: str,
        policy_file: Path | None,
        history: Path | None,
        audit_trail: Path | None,
        signing_key: Path | None,
        sealing_key: Path | None,
        extender: str | None,
        **more: Any,
    ) -> Any:
        if acting_as_groups and acting_as is None:
            raise click.UsageError("--as-group needs --as")
        target = Target(
            kubeconfig=kubeconfig,
            context=context,
            acting_as=None if acting_as is None else ActingAs(acting_as, acting_as_groups),
            namespace=namespace,
            configmap=configmap,
            policy_file=policy_file,
            history=history,
            audit_trail=audit_trail,
            signing_key=signing_key,
            sealing_key=sealing_key,
            extender=extender.rstrip("/") if extender else None,
        )
        return command(*args, target=target, **more)

    wrapped: Callable[..., Any] = with_target
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


_PATH = click.Path(path_type=Path)
# A variable of our own comes before the one that the users' documents name.
_OPTIONS = (
    click.option(
        "--policy-file", type=_PATH, envvar="TRIMTAB_POLICY_FILE", help="A policy in a file, in place of a ConfigMap."
    ),
    click.option(
        "-n",
        "--namespace",
        envvar=["TRIMTAB_NAMESPACE", "NAMESPACE", "KUBERNETES_NAMESPACE"],
        default=NAMESPACE,
        show_default=True,
        help="Namespace of the policy's ConfigMap.",
    ),
    click.option(
        "--configmap",
        envvar=["TRIMTAB_CONFIGMAP", "CONFIGMAP_NAME"],
        default=CONFIGMAP,
        show_default=True,
        help="Name of the policy's ConfigMap.",
    ),
    click.option("--kubeconfig", envvar="TRIMTAB_KUBECONFIG", help="Credentials; default: as kubectl."),
    click.option("--context", envvar="TRIMTAB_CONTEXT", help="A context of the kubeconfig."),
    click.option("--as", "acting_as", metavar="USER", help="Whom to impersonate."),
    click.option("--as-group", "acting_as_groups", metavar="GROUP", multiple=True, help="With which groups."),
    click.option(
        "--extender",
        envvar="TRIMTAB_EXTENDER",
        metavar="URL",
        help=f"Admin address of the extender; default: {ADMIN} where one must be asked.",
    ),
    click.option(
        "--history",
        type=_PATH,
        envvar="TRIMTAB_HISTORY",
        help="Folder of saved policies; default: ControllerRevisions, or beside the policy's file.",
    ),
    click.option(
        "--audit-trail",
        type=_PATH,
        envvar="TRIMTAB_AUDIT_TRAIL",
        help="File that changes made from here are recorded in.",
    ),
    click.option(
        "--signing-key-file",
        "signing_key",
        type=_PATH,
        envvar="TRIMTAB_SIGNING_KEY_FILE",
        help="Key that the history is signed with.",
    ),
    click.option(
        "--sealing-key-file",
        "sealing_key",
        type=_PATH,
        envvar="TRIMTAB_SEALING_KEY_FILE",
        help="Key that saved policies are encrypted with.",
    ),
)
