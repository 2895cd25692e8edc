"""Create, update, patch, delete and bind: what changes the store on a client's behalf."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from extender.lab.admission import Admission, check_gates, check_revision
from extender.lab.evicting import check_preconditions, spend
from extender.lab.identity import Identities
from extender.lab.kinds import CONTROLLER_REVISIONS, NODES, PODS, Served
from extender.lab.paths import Target
from extender.lab.refusal import (
    Refusal,
    bad_request,
    conflict,
    immutable_uid,
    method_not_allowed,
    modified,
    no_dry_run,
    no_strategic_patch,
    status_body,
    unsupported_media_type,
)
from extender.lab.store import Store, Stored
from extender.lab.trees import Tree, merged, strategically_merged, with_condition

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
_FIXED = ("name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp")
_ZONE_LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


class Writer:
    """Answers POST, PUT, PATCH and DELETE. Raises Refusal."""

    def __init__(self, store: Store, identities: Identities) -> None:
        self._store = store
        self._new = identities
        self._admission = Admission(store, identities)

    def create(self, target: Target, body: bytes, *, dry_run: bool = False) -> bytes:
        """POST to a collection, or to a pod's binding or eviction."""
        if dry_run and target.subresource:
            raise no_dry_run(f"a pod's {target.subresource}")
        if target.subresource == "binding":
            return self._bind(target, _parsed(target.kind, body, "Binding"))
        if target.subresource == "eviction":
            return self._evict(target, _parsed(target.kind, body, "Eviction"))
        if target.name or (target.kind.namespaced and not target.namespace):
            raise method_not_allowed()
        return self.add(target.kind, target.namespace, _parsed(target.kind, body), dry_run=dry_run).whole + b"\n"

    def add(self, kind: Served, namespace: str, tree: Tree, *, dry_run: bool = False) -> Stored:
        """Create from a tree, with everything that admission adds."""
        return self._store.create(kind, self._admission.admit(kind, namespace, tree), dry_run=dry_run)

    def update(self, target: Target, body: bytes, *, dry_run: bool = False) -> bytes:
        """PUT: the whole object; with a resourceVersion only if it is still the newest."""
        _need_object(target)
        tree = _parsed(target.kind, body)
        name = (tree.get("metadata") or {}).get("name", "")
        if name != target.name:
            raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({target.name})")
        old = self._store.get(target.kind, target.namespace, target.name)
        return self._store.replace(old, _next(old, tree, target.subresource), dry_run=dry_run).whole + b"\n"

    def patch(self, target: Target, body: bytes, content_type: str, *, dry_run: bool = False) -> bytes:
        """PATCH by RFC 7386, or strategic where the kind is built in; other formats are refused with 415."""
        _need_object(target)
        merge = _merge(target.kind, content_type)
        try:
            change = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise bad_request(f"error decoding patch: {error}") from None
        if not isinstance(change, dict):
            name = {list: "array", str: "string", bool: "bool"}.get(type(change), "number")
            raise bad_request(
                f"error decoding patch: json: cannot unmarshal {name} into Go value of type map[string]interface {{}}"
            )
        old = self._store.get(target.kind, target.namespace, target.name)
        uid = (change.get("metadata") or {}).get("uid", "")
        if uid and uid != old.uid:
            raise immutable_uid(target.kind, target.name, uid)
        new = _next(old, merge(old.tree, change), target.subresource)
        return self._store.replace(old, new, dry_run=dry_run).whole + b"\n"

    def delete(self, target: Target, body: bytes, query: Mapping[str, str], *, dry_run: bool = False) -> bytes:
        """DELETE of one object. A bound pod with a grace period stays until its kubelet confirms."""
        _need_object(target)
        options = _parsed(target.kind, body, "DeleteOptions") if body.strip() else {}
        old = self._store.get(target.kind, target.namespace, target.name)
        check_preconditions(old, options)
        if target.kind is PODS:
            if dry_run:
                raise no_dry_run("the end of a pod")
            asked = options.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
            return self.end_pod(old, None if asked is None else int(asked)).whole + b"\n"
        if not dry_run:
            self._store.delete(target.kind, target.namespace, target.name)
        group = {"group": target.kind.group} if target.kind.group else {}
        details = {"name": target.name, **group, "kind": target.kind.plural, "uid": old.uid}
        return status_body("Success", details=details)

    def end_pod(self, old: Stored, grace_s: int | None = None) -> Stored:
        """Delete a pod: marked first, and gone at once if there is nothing to wait for."""
        meta, spec = old.tree["metadata"], old.tree["spec"]
        grace = spec.get("terminationGracePeriodSeconds", 30) if grace_s is None else grace_s
        if not spec.get("nodeName") or old.tree["status"].get("phase") in ("Succeeded", "Failed"):
            grace = 0
        if "deletionTimestamp" in meta and grace >= meta["deletionGracePeriodSeconds"] > 0:
            return old
        marked = {**meta, "deletionTimestamp": self._new.later(grace), "deletionGracePeriodSeconds": grace}
        if "deletionTimestamp" not in meta:
            marked["generation"] = meta.get("generation", 1) + 1
        last = self._store.replace(old, {**old.tree, "metadata": marked})
        return last if grace else self._store.delete(PODS, old.namespace, old.name)

    def _evict(self, target: Target, eviction: Tree) -> bytes:
        name = (eviction.get("metadata") or {}).get("name", "")
        if name != target.name:
            raise bad_request("name in URL does not match name in Eviction object")
        options = eviction.get("deleteOptions") or {}
        pod = self._store.get(PODS, target.namespace, target.name)
        spent = spend(self._store, self._new, pod, options)
        asked = options.get("gracePeriodSeconds")
        self.end_pod(spent, None if asked is None else int(asked))
        return status_body("Success", code=201)

    def _bind(self, target: Target, binding: Tree) -> bytes:
        meta, node = binding.get("metadata") or {}, (binding.get("target") or {}).get("name", "")
        if meta.get("name", "") != target.name:
            raise bad_request("name in URL does not match name in Binding object")
        if not node:
            raise Refusal(500, "", "target.name: Required value")
        pod = self._store.get(PODS, target.namespace, target.name)
        asked = meta.get("uid", "")
        if asked and asked != pod.uid:
            raise conflict(PODS, pod.name, _uid_message(target, asked, pod.uid))
        if pod.tree["metadata"].get("deletionTimestamp"):
            why = f"pod {pod.name} is being deleted, cannot be assigned to a host"
            raise conflict(PODS, pod.name, why, "pods/binding")
        if bound := pod.tree["spec"].get("nodeName"):
            why = f'pod {pod.name} is already assigned to node "{bound}"'
            raise conflict(PODS, pod.name, why, "pods/binding")
        self._store.replace(pod, self._bound(pod.tree, node, meta))
        return status_body("Success", code=201)

    def _bound(self, tree: Tree, node: str, binding_meta: Tree) -> Tree:
        """The pod on its node: condition set, nomination cleared, the node's zone labels copied (PodTopologyLabels)."""
        found = self._store.find(NODES, "", node)
        zone = (
            {k: v for k, v in (found.tree["metadata"].get("labels") or {}).items() if k in _ZONE_LABELS}
            if found
            else {}
        )
        meta = dict(tree["metadata"])
        if zone:
            meta["labels"] = {**(meta.get("labels") or {}), **zone}
        if notes := binding_meta.get("annotations"):
            meta["annotations"] = {**(meta.get("annotations") or {}), **notes}
        status = {k: v for k, v in tree["status"].items() if k != "nominatedNodeName"}
        placed = {**tree, "metadata": meta, "spec": {**tree["spec"], "nodeName": node}, "status": status}
        condition = {
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": self._new.now(),
        }
        return with_condition(placed, condition)


def _next(old: Stored, tree: Tree, subresource: str) -> Tree:
    """The new version out of what was sent: identity stays, and only one of status and the rest may change."""
    kind, meta = old.kind, dict(tree.get("metadata") or {})
    version = meta.get("resourceVersion", "")
    if version and version != old.tree["metadata"]["resourceVersion"]:
        raise modified(kind, old.name)
    uid = meta.get("uid", "")
    if uid and uid != old.uid:
        raise conflict(
            kind, old.name, f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.uid}"
        )
    fixed = {k: old.tree["metadata"][k] for k in (*_FIXED, "resourceVersion") if k in old.tree["metadata"]}
    new = {k: v for k, v in tree.items() if k not in ("kind", "apiVersion")}
    if "status" in kind.subresources:
        new = _split(old.tree, new, subresource)
    if subresource == "status":
        meta = old.tree["metadata"]
    new["metadata"] = {**meta, **fixed}
    if kind is PODS:
        check_gates(old.tree["spec"], new["spec"], old.name)
    if "generation" in fixed and new.get("spec") != old.tree.get("spec"):
        new["metadata"]["generation"] = fixed["generation"] + 1
    if kind is PODS:
        new = _with_probe_times(new)
    if kind is CONTROLLER_REVISIONS:
        check_revision(new, old.tree)
    return new


def _split(old: Tree, new: Tree, subresource: str) -> Tree:
    if subresource == "status":
        return {**old, **({"status": new["status"]} if "status" in new else {})}
    rest = {k: v for k, v in new.items() if k != "status"}
    return {**rest, **({"status": old["status"]} if "status" in old else {})}


def _with_probe_times(tree: Tree) -> Tree:
    """Conditions of pods always carry both times, null where nobody set them."""
    status = tree.get("status") or {}
    if not status.get("conditions"):
        return tree
    blank = {"lastProbeTime": None, "lastTransitionTime": None}
    return {**tree, "status": {**status, "conditions": [{**blank, **c} for c in status["conditions"]]}}


def _merge(kind: Served, content_type: str) -> Callable[[Tree, Tree], Tree]:
    if content_type == MERGE_PATCH:
        return merged
    if content_type == STRATEGIC_PATCH:
        if kind.custom:
            raise no_strategic_patch()
        return strategically_merged
    raise unsupported_media_type()


def _need_object(target: Target) -> None:
    if not target.name or target.subresource in ("binding", "eviction"):
        raise method_not_allowed()


def _uid_message(target: Target, asked: str, found: str) -> str:
    return (
        f"StorageError: invalid object, Code: 4, Key: /registry/pods/{target.namespace}/{target.name}, "
        f"ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {asked}, "
        f"UID in object meta: {found}"
    )


def _parsed(kind: Served, body: bytes, wanted: str = "") -> dict[str, Any]:
    """The body as a tree of the wanted kind (the collection's own by default)."""
    wanted = wanted or kind.kind
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad_request(
            f"the object provided is unrecognized (must be of type {wanted}): couldn't get version/kind; "
            f"json parse error: {error}"
        ) from None
    if not isinstance(tree, dict):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {wanted}): couldn't get version/kind; "
            "json parse error: it is not an object"
        )
    given = tree.get("kind") or wanted
    if given != wanted:
        version = tree.get("apiVersion", "v1")
        raise bad_request(
            f'{given} in version "{version}" cannot be handled as a {wanted}: converting ({version}.{given}) to '
            f"(core.{wanted}): unknown conversion"
        )
    return tree
