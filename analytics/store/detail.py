"""The long tail of a verb call, packed into one compressed JSON value."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import orjson
import zstandard
from msgspec import Raw, Struct, json

from extender.record.frames import Decision, LeaseTouch, NodeRejection, NodeScore, PodRef, Skipped

CODEC = "zstd"
"""How details were packed before WORDS, and audit events are."""
WORDS = "zstd-words-1"
"""zstd with the dictionary below: what `pack` does."""
# Names of more candidates than this stay in the journal, where `replay` reads them; the count is in the decision row.
MAX_CANDIDATES = 256
# A body that claims to be longer than this is not unpacked: it is no detail of ours.
MAX_BYTES = 64 << 20
_LEVEL = 3
# What most bodies hold, so that none need say it again: they are short, and half the size with it. It belongs to the
# codec: another text is another codec.
_WORDS = (
    b'{"skipped":[{"plugin":"","phases":["filter","score"],"why":"breaker open"}],"victims":{"node-":[{"namespace":"",'
    b'"name":"","uid":""}]},"resource_version":"","scheduler_name":"default-scheduler","preemption_policy":"Never",'
    b'"nominated_node_name":"","qos_class":"Burstable","unschedulable_at_s":,"unscheduled_reason":"Unschedulable",'
    b'"owner":"ReplicaSet/","owner_uid":"","owners":[""],"priority_class":"","gates":[""],"labels":{"app":"",'
    b'"app.kubernetes.io/name":"","pod-template-hash":""},"annotations":{},"containers":[{"name":"","requests":{"cpu":,'
    b'"memory":,"ephemeral-storage":,"nvidia.com/gpu":},"limits":{}}],"init_containers":[],"tolerations":[{"key":'
    b'"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute"},{"key":"node.kubernetes.io/unreachable",'
    b'"PodTopologySpread":[,"NetworkOverhead":[,"SySched":[,"PeaksScore":[,"NodeResourceTopologyMatch":[,'
    b'"LowRiskOverCommitment":[,"LoadVariationRiskBalancing":[,"Rescheduler":[,"PodState":[,'
    b'"NodeResourcesAllocatable":[-,"TargetLoadPacking":['
    b'"candidates":["node-","ip-10-","gke-"],"leases":[{"plugin":"CapacityScheduling","action":"taken","detail":'
    b'"cpu 500m, memory 1Gi"},{"plugin":"TenantQuota","action":"refreshed","detail":""},{"plugin":"Coscheduling",'
    b'"action":"confirmed"}],"features":{"namespace":"","name":"","uid":"","created_at_s":17,"requests":{"cpu":500,"memory":'
    b"1073741824}}}"
    b'{"rejected":[{"node":"node-0","plugin":"PodState","reason":"too many terminating pods","unresolvable":true},'
    b'{"node":"node-1","plugin":"PodState","reason":"insufficient allocatable memory","unresolvable":true},'
    b'{"node":"node-2","plugin":"NodeResourceTopologyMatch","reason":"cannot align pod","unresolvable":false}]}'
    b'{"best":[{"node":"node-1","total":300,"parts":{"TargetLoadPacking":[100,100,300],"NodeResourcesAllocatable":[-'
    b'100,100,200]}},{"node":"node-2","total":2'
)
_DICTIONARY = zstandard.ZstdCompressionDict(_WORDS, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
_DICTIONARIES = {CODEC: None, WORDS: _DICTIONARY}


class _Packers(threading.local):
    """Making one costs more than a body does; one is for one thread at a time."""

    def __init__(self) -> None:
        self.packer = zstandard.ZstdCompressor(level=_LEVEL, dict_data=_DICTIONARY, write_checksum=False)
        self.unpackers = {
            codec: zstandard.ZstdDecompressor(dict_data=words) if words else zstandard.ZstdDecompressor()
            for codec, words in _DICTIONARIES.items()
        }


_PACKERS = _Packers()
_ENCODER = json.Encoder()
_NOTHING = b"{}"


class _Detail(Struct, gc=False, omit_defaults=True):
    """What of a frame is packed, as the frame has it; what is empty is left out."""

    best: list[NodeScore] | Raw = []
    rejected: list[NodeRejection] | Raw = []
    leases: list[LeaseTouch] | Raw = []
    skipped: list[Skipped] | Raw = []
    victims: dict[str, list[dict[str, str]]] = {}
    features: dict[str, Any] | Raw = {}
    candidates: list[str] = []


def text_of(frame: Decision) -> bytes:
    """The detail of one frame, to be packed; empty when it has none. What the frame has as JSON stays as it is."""
    few = len(frame.candidates) <= MAX_CANDIDATES
    body = _ENCODER.encode(
        _Detail(
            frame.best or [],
            frame.rejected or [],
            frame.leases or [],
            frame.skipped or [],
            _named(frame.victims) if frame.victims else {},
            frame.features or {},
            frame.candidates if few else [],
        )
    )
    return b"" if body == _NOTHING else body


def pack(texts: Sequence[bytes]) -> list[bytes]:
    """Each of them packed. Meanwhile the interpreter belongs to others: one after the other they would give it away and
    wait for it thousands of times."""
    if not texts:
        return []
    bodies = _PACKERS.packer.multi_compress_to_buffer(list(texts))
    return [bodies[at].tobytes() for at in range(len(bodies))]


def _named(victims: dict[str, list[PodRef]]) -> dict[str, list[dict[str, str]]]:
    return {
        node: [{"namespace": pod.namespace, "name": pod.name, "uid": pod.uid} for pod in pods]
        for node, pods in victims.items()
    }


def unpack(codec: str, body: bytes) -> dict[str, Any]:
    """What was packed. Raises ValueError for a codec that this program does not know or a broken body."""
    unpacker = _PACKERS.unpackers.get(codec)
    if unpacker is None:
        raise ValueError(f"detail is packed as {codec!r}, which this program does not know")
    try:
        text = unpacker.decompress(body, max_output_size=MAX_BYTES)
    except zstandard.ZstdError as error:
        raise ValueError(f"detail cannot be unpacked: {error}") from error
    value = orjson.loads(text)
    if not isinstance(value, dict):
        raise ValueError("detail is not an object")  # noqa: TRY004 a broken body, whatever its kind
    return value
