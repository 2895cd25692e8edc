"""What a plugin is: a frozen value with one part for each phase it implements.

Per-node parts (Filter, Score) hold a *rule*: a plain typed function about one node. Its parameter names are
its declaration and are bound by prefix:

    pod_<fact>      a fact of the pod                       framework/facts.py lists them
    node_<column>   this node's value of a column           model/columns.py lists them;
                    `node_allocatable` and `node_requested` are its rows: one int per resource
    arg_<name>      an argument of the plugin               a field of its Args: int, float or bool
    cycle_<name>    something `prepare` computed for this request, declared in the part as a
                    scalar, a column (one value per row of the node table) or a vector (passed whole)

Pod-level parts (all others) are plain Python. A plugin keeps no state: what must be counted from
events lives in its `book`, which the framework makes, feeds and hands in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from extender.model.assignment import Assignment as Assignment  # noqa: PLC0414
from extender.model.columns import NodeTable
from extender.model.events import Object
from extender.model.load_source import LoadSource
from extender.model.node import Node
from extender.model.pod import Pod
from extender.model.resources import Resources, request_k8s
from extender.model.verdict import Code


class Args(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of every plugin's arguments: typed, bounded, documented. Source of schema, form and docs."""


class NoArgs(Args, frozen=True):
    """A plugin without arguments."""


@dataclass(frozen=True, slots=True)
class Status:
    """Verdict of a pod-level part."""

    code: Code = Code.SUCCESS
    reason: str = ""
    label: str = ""
    """Bounded words for metrics, where the reason names a pod or a namespace; else the reason serves."""


PASSED = Status()


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource kind that a plugin watches. It may be absent from the cluster: the plugin is then neutral."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    status: bool = False
    """Decisions read its status; without this it is dropped, and a change of it is none."""


def _nobody(_node: str) -> Collection[str]:
    return ()


@dataclass(slots=True)
class Cycle:
    """What a pod-level part or a `prepare` sees of one cycle. Built for each plugin; valid only during the call."""

    pod: Pod
    nodes: NodeTable
    rows: NDArray[np.int32]
    """Rows of the candidate nodes, in the order sent; unknown nodes are -1."""
    args: Any
    book: Any
    """The plugin's own book, or None."""
    memo: dict[str, Any]
    """Kept from cycle to cycle for this plugin and these args; derived values only. Emptied when the args change."""
    pods: Mapping[str, Pod]
    """All non-terminal pods by UID."""
    nominated: Mapping[str, Pod]
    """Unassigned, not terminating pods with a nominated node, by UID."""
    objects: Mapping[str, Mapping[str, Object]]
    """kind -> key -> custom object."""
    assignments: Sequence[Assignment]
    """Recent assignments in order of sequence; old ones leave at the front."""
    metrics_end_s: int = 0
    """End of the window of the newest load metrics, unix seconds."""
    now_s: float = 0.0
    leased: Container[str] = field(default_factory=frozenset)
    """UIDs that hold a lease."""
    pods_on: Callable[[str], Collection[str]] = _nobody
    """Node name -> UIDs of the non-terminal pods on it."""
    requested: Callable[[Pod], Resources] = request_k8s
    """What the scheduler counts for a pod (REQ-K8S); for pods that stand on a node it is known already."""
    scheduler_names: Collection[str] = frozenset()
    """schedulerName of every profile of the policy; `*` stands for the rest."""
    quiet: bool = False
    """Nobody schedules by this answer (shadow, preview, explain, waking, preemption's what-if): note nothing in the
    book."""
    leaving: Mapping[int, Collection[str]] = field(default_factory=dict)
    """Row -> UIDs of the pods that preemption would evict there: judge that node as if they were gone."""


class Book(Protocol):
    """State folded from cluster events by the single writer. Deterministic: same events, same book."""

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None: ...

    def object_changed(self, kind: str, key: str, old: Object | None, new: Object | None) -> None: ...


@runtime_checkable
class NodeBook(Protocol):
    """A book that also follows nodes."""

    def node_changed(self, old: Node | None, new: Node | None) -> None: ...


@runtime_checkable
class LedgerBook(Protocol):
    """A book whose accounts can be shown: explain prints them as `ledger`."""

    def ledger(self) -> dict[str, Any]: ...


class Settled(dict[str, Any]):
    """Values of a `prepare` that stay as they are: where it returns the very same object again, the loop has them.

    Nobody puts another value into it; the elements of its arrays may change.
    """


@dataclass(frozen=True, slots=True)
class Prepare:
    """Computes the `cycle_` values once per request."""

    compute: Callable[[Cycle], Mapping[str, Any]]
    scalars: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """One reason of a filter; the rule returns its index + 1, or 0 to pass."""

    reason: str
    code: Code = Code.UNRESOLVABLE
    """Upstream's code, as explain shows it."""
    cured_in_tree: bool = False
    """The scheduler's own preemption sees that evicting pods cures it. Only then does the answer invite it to try:
    its dry run knows the in-tree filters alone, so for anything else it would evict pods for nothing."""


class Normalize(Enum):
    """How raw scores become 0..100 (plugins.md §0.6)."""

    NONE = "none"
    MIN_MAX = "minMax"
    INVERSE_MIN_MAX = "inverseMinMax"
    DEFAULT = "default"
    DEFAULT_REVERSE = "defaultReverse"
    RANKED = "ranked"


@dataclass(frozen=True, slots=True)
class PreFilter:
    """One verdict for the whole pod; a rejection rejects every node with the same reason."""

    check: Callable[[Cycle], Status]


@dataclass(frozen=True, slots=True)
class Filter:
    rule: Callable[..., int]
    rejections: tuple[Rejection, ...]
    prepare: Prepare | None = None
    describe: Callable[[Cycle, int, int], str] | None = None
    """(cycle, row, the rule's answer) -> the reason in full, with the node's own numbers: for explain, where the
    reason on the wire has to group over nodes."""


Exempting = Callable[[Pod], str]
"""Why a pod must stay whoever wants its place, or ""."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Who would have to leave one node."""

    victims: tuple[Pod, ...] = ()
    """Most important first."""
    pdb_violations: int = 0
    """Victims whose going breaks a disruption budget."""
    status: Status = PASSED
    """Anything but success: preemption does not help on this node, and why."""


Search = Callable[[int, Selection | None], Selection]
"""(row of a node, what kube-scheduler or the plugin before would evict there, if anybody proposes) -> who leaves."""


@dataclass(frozen=True, slots=True)
class PostFilter:
    """How room is made. `framework/preemption` has what most searches need."""

    eligible: Callable[[Cycle, bool], Status]
    """May the cycle's pod preempt now? The flag: its nominated node could not take it even if it were empty."""
    search: Callable[[Cycle, Exempting], Search]
    """Begun once per cycle; it must not choose a pod that is exempt."""
    exempt: Callable[[Cycle, Pod], str] | None = None
    """(cycle of the preemptor, another pod) -> why that pod must stay, or "". Every path that evicts obeys it; who
    evicts without a preemptor asks as if the pod itself wanted its place."""
    reclaims: Callable[[Cycle], bool] | None = None
    """Whether the pod may have room made for it where kube-scheduler's own preemption does not look. What the plugin's
    preFilter refuses is then left to `search`."""


@dataclass(frozen=True, slots=True)
class Score:
    rule: Callable[..., int]
    normalize: Normalize = Normalize.NONE
    prepare: Prepare | None = None


@dataclass(frozen=True, slots=True)
class Reserve:
    """A promise kept in the plugin's book, keyed by pod UID; both calls are idempotent."""

    take: Callable[[Any, Pod], None]
    """(book, pod): charge the pod."""
    release: Callable[[Any, str], None]
    """(book, uid): give back what `take` charged, unless the pod has been seen assigned since."""
    missing: str = "the reservation is gone and the pod does not fit any more"
    """Error of a bind whose lease is gone (restart, TTL) and whose preFilter fails now."""


@dataclass(frozen=True, slots=True)
class ReserveOnNode:
    """A promise that depends on the node: checked and charged when bind arrives, given back if the bind fails.

    In all three the cycle's only row is the node's. Once the pod is seen assigned its place in the book is the
    book's own business.
    """

    check: Callable[[Cycle], Status]
    """With all charges applied; anything but success fails the bind with its reason."""
    take: Callable[[Any, Pod, str], None]
    """(book, pod, node name): charge the pod there; idempotent."""
    release: Callable[[Any, str], None]
    """(book, uid): give back what `take` charged; idempotent."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What permit says about one pod: success, wait, or anything else: the bind fails with its reason."""

    code: Code = Code.SUCCESS
    reason: str = ""
    """What the pod waits for, or why it may not be bound."""
    group: str = ""
    """wait: it is let go or sent away together with all that wait for this group."""
    timeout_s: float = 0.0
    """wait: no longer than this; 0 and below: not at all, the bind fails."""


@dataclass(frozen=True, slots=True)
class Order:
    """What becomes of the pods that wait for a group."""

    group: str
    released: bool
    """True: all of them go on to their Binding. False: all their binds fail."""
    reason: str = ""
    """Why their binds fail."""


@dataclass(frozen=True, slots=True)
class Permit:
    """A word before the Binding that may take its time: the bind call is held open meanwhile.

    What was promised to the pod stays promised while it waits. However its bind ends, every pod that was asked about
    is either seen assigned or heard of by `unreserve`.
    """

    ask: Callable[[Cycle], Permission]
    """The cycle's only row is the node's. It may note in the book that the pod has a node now."""
    unreserve: Callable[[Any, Pod, float], None]
    """(book, pod, now_s): its bind came to nothing, or its caller gave up. Idempotent."""
    orders: Callable[[Any], Sequence[Order]]
    """(book) -> what has become of groups since the last call; asked after every event and call."""
    drop: Callable[[Any], None]
    """(book): the plugin was switched off; forget every promise."""
    no_node: Callable[[Cycle], None] | None = None
    """Filter left the pod no node (rows: its candidates), or the scheduler says that it found none (no rows). Belongs
    to the phase postFilter."""


@dataclass(frozen=True, slots=True)
class PreBind:
    """The last word before the Binding: anything but success fails the bind with its reason."""

    check: Callable[[Cycle], Status]


@dataclass(frozen=True, slots=True)
class PostBind:
    """The API server confirmed the Binding."""

    done: Callable[[Any, Pod, str], None]
    """(book, pod, node name)"""


@dataclass(frozen=True, slots=True)
class QueuedPod:
    """A pod in the scheduling queue, or before it. Times are unix nanoseconds."""

    pod: Pod
    added_ns: int
    """The latest addition to the queue; for a gated pod its creation."""
    first_ns: int
    """The first addition."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """What an order may look at. As in Cycle, everything is live."""

    args: Any
    book: Any
    objects: Mapping[str, Mapping[str, Object]]


def _alone(_view: QueueView, _pod: Pod) -> str:
    return ""


def _every(_view: QueueView, _pod: Pod) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class QueueSort:
    """An order of pods that wait for their turn. It is carried by scheduling gates: our webhook (or whoever makes the
    pod) puts `gate` on it, and a controller takes the gates off in this order, a window of pods at a time."""

    gate: str
    """Name of the scheduling gate, such as trimtab.dev/qos-order."""
    key: Callable[[QueueView, QueuedPod], tuple[Any, ...]]
    """The pod with the smaller key goes first; equal keys go by creation, then by name. Pods whose keys differ in the
    last part alone are peers: on the way between their release and the scheduler they may overtake each other."""
    group: Callable[[QueueView, Pod], str] = _alone
    """Pods of one group are let go together, when the turn of the first of them comes; empty: the pod is alone."""
    gates: Callable[[QueueView, Pod], bool] = _every
    """Whether the webhook holds this new pod; it has no UID yet."""
    less: Callable[[QueueView, QueuedPod, QueuedPod], bool] | None = None
    """Upstream's own comparison where it is not `key(a) < key(b)`; explain shows it, nothing is released by it."""


@dataclass(frozen=True, slots=True)
class Tending:
    """What `tend` sees, about once a second while the plugin is on. As in Cycle, everything is live."""

    nodes: NodeTable
    args: Any
    book: Any
    pods: Mapping[str, Pod]
    objects: Mapping[str, Mapping[str, Object]]
    pods_on: Callable[[str], Collection[str]]
    scheduler_names: Collection[str]
    now_s: float


@dataclass(frozen=True, slots=True)
class CaseView:
    """One line of `explain --batch` about one plugin: what `case_answers` may look at."""

    case: Mapping[str, Any]
    """As it was written, without `expect`."""
    args: Any
    book: Any
    cycle: Cycle | None
    """Of the case's pod over all its nodes, in their order; None if the case is not about one pod."""
    names: Sequence[str] = ()
    """Name of each of the cycle's rows."""
    again: Callable[[], Mapping[str, Any]] = dict
    """The generic keys anew, for a case that first does something to the book."""


class Maturity(Enum):
    ALPHA = "alpha"
    BETA = "beta"
    STABLE = "stable"


def _no_problems(_args: Any) -> list[tuple[str, str]]:
    return []


@dataclass(frozen=True, slots=True)
class Plugin:
    name: str
    doc: str
    """One sentence for people."""
    args: type[Args] = NoArgs
    check: Callable[[Any], list[tuple[str, str]]] = _no_problems
    """Args -> [(path below args such as `resources[0].weight`, message)]: what the types cannot say."""
    needs_args: bool = False
    """No use without arguments: `check` refuses its defaults, and so a policy that gives none."""
    decode_args: Callable[[Mapping[str, Any]], Args] | None = None
    """Only where upstream's defaulting cannot be said by types: raw args -> Args. May raise msgspec.ValidationError."""
    maturity: Maturity = Maturity.BETA
    queue_sort: QueueSort | None = None
    pre_filter: PreFilter | None = None
    filter: Filter | None = None
    post_filter: PostFilter | None = None
    score: Score | None = None
    reserve: Reserve | ReserveOnNode | None = None
    permit: Permit | None = None
    pre_bind: PreBind | None = None
    post_bind: PostBind | None = None
    tend: Callable[[Tending], None] | None = None
    """Time passes in the book: expiry, resync."""
    case_answers: Callable[[CaseView], Mapping[str, Any]] | None = None
    """What `explain --batch` answers beyond verdicts and scores: victims, orders, fingerprints. Raises ValueError."""
    aliases: tuple[str, ...] = ()
    """Other names that a policy may use."""
    members: tuple[str, ...] = ()
    """A family: enabling it enables these plugins, with the family's weight and args."""
    book: Callable[[], Book] | None = None
    watches: tuple[Kind, ...] = ()
    reads_load: bool = False
    """Reads node load metrics."""
    load_source: Callable[[Any], LoadSource | None] | None = None
    """Args -> where they say that load is measured; followed while the extender's own options do not say it."""
