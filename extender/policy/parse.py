"""Policy text -> ParsedPolicy, or every problem there is.

Two steps, because the first is long for a long text and may run in another process (worker.py), while a plugin's own
check of its args is a function that cannot be sent there: `draft` reads and checks by data alone, `conclude` asks
the plugins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from extender.policy.args import check_meaning
from extender.policy.catalogue import Catalogue
from extender.policy.document import KIND, SchedulingPolicy
from extender.policy.flat import DOCUMENT_KEY, from_flat, is_flat
from extender.policy.meaning import Meaning, PendingCheck
from extender.policy.parsed import ParsedPolicy, ResolvedProfile, hash_of
from extender.policy.problem import Findings, PolicyRefused, Problem
from extender.policy.reading import read
from extender.policy.resolve import resolve
from extender.policy.structure import Places, Structure, kind_of

_OTHER_KINDS = {
    "ConfigMap": f"give the text that stands in it under data, key {DOCUMENT_KEY}",
    "KubeSchedulerConfiguration": f"make a {KIND} and put the profiles' plugins and pluginConfig there",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A policy as far as data alone can tell."""

    form: Literal["document", "flat"]
    document: SchedulingPolicy | None
    profiles: tuple[ResolvedProfile, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    pending: tuple[PendingCheck, ...]


def parse(text: str | bytes, catalogue: Catalogue) -> ParsedPolicy:
    """Raises PolicyRefused with all problems, and nothing else, whatever the text."""
    drafted = draft(text, catalogue)
    findings = Findings()
    for pending in drafted.pending:
        judge(pending, catalogue, findings)
    return conclude(drafted, findings)


def draft(text: str | bytes, catalogue: Catalogue) -> Draft:
    """Raises PolicyRefused only for text that cannot be read at all."""
    findings, places = Findings(), Places()
    tree = _mapping(read(text, findings), findings)
    form: Literal["document", "flat"] = "flat" if is_flat(tree) else "document"
    if form == "flat":
        written = from_flat(tree, findings, places)
    else:
        written = Structure(findings, places).part(SchedulingPolicy, tree, "")
    if written is None:
        return Draft(form, None, (), findings.problems, findings.warnings, ())
    meaning = Meaning(catalogue, findings, places, form)
    document = meaning.checked(written)
    profiles = tuple(resolve(profile, catalogue, document.defaults) for profile in document.profiles)
    return Draft(form, document, profiles, findings.problems, findings.warnings, tuple(meaning.pending))


def judge(pending: PendingCheck, catalogue: Catalogue, findings: Findings) -> None:
    """Ask one plugin about its args."""
    check_meaning(catalogue[pending.plugin], pending.args, pending.path, findings)


def conclude(drafted: Draft, findings: Findings) -> ParsedPolicy:
    """Raises PolicyRefused with the draft's problems and those that the plugins found."""
    # Members of a family that share an argument find the same fault in it.
    problems = tuple(dict.fromkeys((*drafted.problems, *findings.problems)))
    if problems or drafted.document is None:
        raise PolicyRefused(problems)
    return ParsedPolicy(
        document=drafted.document,
        hash=hash_of(drafted.document),
        warnings=drafted.warnings,
        profiles=drafted.profiles,
        scale=drafted.document.scoring.scale,
        form=drafted.form,
    )


def _mapping(tree: Any, findings: Findings) -> Mapping[str, Any]:
    hint = f"want apiVersion, kind: {KIND} and profiles"
    if tree is None:
        findings.wrong("", "the policy is empty", hint)
    elif not isinstance(tree, Mapping):
        findings.wrong("", f"want a mapping at the top, got {kind_of(tree)}", hint)
    elif DOCUMENT_KEY in tree:
        findings.wrong("", f"{DOCUMENT_KEY} stands beside the flat keys", "keep one of the two forms")
    elif isinstance(tree.get("kind"), str) and tree["kind"] in _OTHER_KINDS:
        findings.wrong("kind", f"a {tree['kind']}, not a {KIND}", _OTHER_KINDS[tree["kind"]])
    else:
        return tree
    raise PolicyRefused(findings.problems)
