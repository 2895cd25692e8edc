"""Every metric of the extender: name, kind, unit, meaning. Labels are bounded: never pod or node names."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from extender.telemetry.single import CounterOfOne, HistogramOfOne

# A second series for every one, saying when it began: nobody reads it.
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry(auto_describe=True)

# From 50 us (the transport alone) to 2.5 s (a hold or a very slow API server).
_SECONDS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5)

REQUESTS = CounterOfOne(
    "trimtab_requests_total", "Calls answered, by verb and HTTP status.", ["verb", "code"], registry=REGISTRY
)
REQUEST_SECONDS = HistogramOfOne(
    "trimtab_request_duration_seconds",
    "From the last byte of the request to the answer being ready.",
    ["verb"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
REQUESTS_IN_FLIGHT = Gauge(
    "trimtab_requests_in_flight", "Calls begun and not yet answered.", ["verb"], registry=REGISTRY
)
NODE_OBJECT_REQUESTS = Counter(
    "trimtab_node_object_requests_total",
    "Calls that carried whole Node objects: the caller has nodeCacheCapable false.",
    ["verb"],
    registry=REGISTRY,
)
ANSWER_BYTES = CounterOfOne("trimtab_answer_bytes_total", "Bytes of answer bodies.", ["verb"], registry=REGISTRY)
REQUEST_BYTES = CounterOfOne("trimtab_request_bytes_total", "Bytes of request bodies.", ["verb"], registry=REGISTRY)
NODES_IN = CounterOfOne("trimtab_candidate_nodes_total", "Candidate nodes received.", ["verb"], registry=REGISTRY)
NODES_OUT = CounterOfOne(
    "trimtab_feasible_nodes_total", "Nodes answered: passed, scored, kept or bound.", ["verb"], registry=REGISTRY
)
NODES_UNKNOWN = Counter(
    "trimtab_unknown_nodes_total",
    "Candidate nodes that the cluster cache did not know.",
    ["verb"],
    registry=REGISTRY,
)
REQUESTS_REFUSED = Counter(
    "trimtab_requests_refused_total", "Requests refused before any decision.", ["reason"], registry=REGISTRY
)
INTERNAL_FAULTS = Counter(
    "trimtab_internal_faults_total",
    "Faults of ours, answered neutrally or with Error.",
    ["verb"],
    registry=REGISTRY,
)
DISCONNECTS = Counter(
    "trimtab_client_disconnects_total", "Callers gone before their answer.", ["verb"], registry=REGISTRY
)

SCORED_AHEAD = CounterOfOne(
    "trimtab_scored_ahead_total",
    "Prioritize calls, by what became of the scores that were computed after the filter call before: ready (they were "
    "the answer), stale (something had happened meanwhile), other (another pod or other nodes were sent), none.",
    ["result"],
    registry=REGISTRY,
)

PLUGIN_SECONDS = HistogramOfOne(
    "trimtab_plugin_duration_seconds",
    "One plugin in one phase of one call.",
    ["plugin", "phase"],
    buckets=(0.000001, 0.000005, 0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.02),
    registry=REGISTRY,
)
PLUGIN_REJECTIONS = Counter(
    "trimtab_plugin_rejections_total", "Nodes rejected.", ["plugin", "reason"], registry=REGISTRY
)
PLUGIN_WARNINGS = Counter(
    "trimtab_plugin_warnings_total",
    "Binds that a plugin let pass with a warning.",
    ["plugin", "reason"],
    registry=REGISTRY,
)
PLUGIN_FAILURES = Counter(
    "trimtab_plugin_failures_total",
    "A plugin raised, or left its score range.",
    ["plugin", "phase", "kind"],
    registry=REGISTRY,
)
SHADOW_EVALUATIONS = Counter(
    "trimtab_shadow_evaluations_total",
    "Decisions about which a plugin in shadow was asked.",
    ["plugin"],
    registry=REGISTRY,
)
SHADOW_REJECTIONS = Counter(
    "trimtab_shadow_rejections_total",
    "Nodes that a plugin in shadow would have rejected.",
    ["plugin", "reason"],
    registry=REGISTRY,
)
SHADOW_DIFFERENCES = Counter(
    "trimtab_shadow_differences_total",
    "Decisions that a plugin in shadow would have changed: rejected_some or rejected_all of the nodes, or moved.",
    ["plugin", "kind"],
    registry=REGISTRY,
)
SHADOW_SECONDS = HistogramOfOne(
    "trimtab_shadow_duration_seconds",
    "One plugin in shadow about one decision, behind the answer.",
    ["plugin"],
    buckets=(0.000005, 0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.02, 0.1),
    registry=REGISTRY,
)
SHADOW_SKIPPED = Counter(
    "trimtab_shadow_skipped_total",
    "Decisions about which no plugin in shadow was asked: moved (the state had moved on), budget.",
    ["why"],
    registry=REGISTRY,
)
BREAKER_TRIPS = Counter("trimtab_breaker_trips_total", "Times a breaker opened.", ["plugin"], registry=REGISTRY)
GUARD_TRIPS = Counter(
    "trimtab_guard_trips_total",
    "Times a guard of the policy took something back.",
    ["guard", "then"],
    registry=REGISTRY,
)
RULE_HOLDS = Gauge("trimtab_rule_holds", "1 while a rule of the policy holds.", ["rule"], registry=REGISTRY)
INPUT_PRESENT = Gauge(
    "trimtab_plugin_input_present",
    "1 while an optional input of an installed plugin is there and fresh.",
    ["plugin", "input"],
    registry=REGISTRY,
)
BREAKER_OPEN = Gauge("trimtab_breaker_open", "1 while a failing plugin is taken out.", ["plugin"], registry=REGISTRY)

JOURNAL_RECORDS = CounterOfOne("trimtab_journal_records_total", "Frames written to the journal.", registry=REGISTRY)
JOURNAL_DROPPED = Counter(
    "trimtab_journal_dropped_total", "Frames that never reached the journal.", ["cause"], registry=REGISTRY
)
JOURNAL_BYTES = Gauge("trimtab_journal_bytes", "Bytes of all segments on disk.", registry=REGISTRY)
JOURNAL_STRIPPED = Counter(
    "trimtab_journal_stripped_total", "Frames that lost their detail to a full buffer.", registry=REGISTRY
)
JOURNAL_BUFFERED = Gauge("trimtab_journal_buffered_bytes", "Bytes of frames that wait for the disk.", registry=REGISTRY)
JOURNAL_FAILURES = Counter(
    "trimtab_journal_failures_total",
    "System calls of the journal that failed or were slow.",
    ["cause"],
    registry=REGISTRY,
)
JOURNAL_DELETED = Counter(
    "trimtab_journal_segments_deleted_total",
    "Sealed segments deleted to stay within the disk budget.",
    registry=REGISTRY,
)

LEASES = Gauge("trimtab_leases", "Reservations held for pods that are not seen bound yet.", registry=REGISTRY)
LEASES_ENDED = CounterOfOne("trimtab_leases_ended_total", "Reservations ended, by cause.", ["cause"], registry=REGISTRY)
HOLDS = Gauge("trimtab_holds", "Bind calls held open.", registry=REGISTRY)
HOLDS_ENDED = Counter(
    "trimtab_holds_ended_total", "Held bind calls let go or broken off, by cause.", ["cause"], registry=REGISTRY
)
POD_GROUP_STATUS = Counter(
    "trimtab_pod_group_status_total", "Statuses of PodGroups written, or not, by result.", ["result"], registry=REGISTRY
)
HOLDS_REFUSED = Counter(
    "trimtab_holds_refused_total", "Bind calls that failed because too many were held open.", registry=REGISTRY
)
DECISIONS_FORGOTTEN = Counter(
    "trimtab_decisions_forgotten_total",
    "Pods whose open decision left the full table early; their later calls open another.",
    registry=REGISTRY,
)
WAITING = Gauge("trimtab_waiting_pods", "Pods that our last answer left without any node.", registry=REGISTRY)
WAITING_FORGOTTEN = Counter(
    "trimtab_waiting_pods_forgotten_total",
    "Waiting pods that left the full table early; nobody wakes them or preempts for them.",
    registry=REGISTRY,
)
PODS_HELD = Gauge("trimtab_gated_pods", "Pods that carry a scheduling gate of ours.", registry=REGISTRY)
GATES_RELEASED = Counter(
    "trimtab_gates_released_total", "Pods whose gates were to be taken off, by result.", ["result"], registry=REGISTRY
)
POKES = Counter(
    "trimtab_pokes_total",
    "Waiting pods that would pass now and were to be shown to the scheduler again, by result; later: too many at once.",
    ["result"],
    registry=REGISTRY,
)
WEBHOOK_REVIEWS = Counter(
    "trimtab_webhook_reviews_total", "Admission reviews, by what became of them.", ["result"], registry=REGISTRY
)
BINDS = Counter("trimtab_binds_total", "Bind calls by result.", ["result"], registry=REGISTRY)
BINDINGS_REPEATED = Counter(
    "trimtab_bindings_repeated_total", "Bindings sent once more after a fault that may pass.", registry=REGISTRY
)

WATCH_LAG = Gauge(
    "trimtab_watch_lag_seconds",
    "Since the watch last said anything, bookmarks included.",
    ["resource"],
    registry=REGISTRY,
)
WATCH_RESTARTS = Counter(
    "trimtab_watch_restarts_total", "Watches begun again, by cause.", ["resource", "cause"], registry=REGISTRY
)
WATCH_EVENTS = Counter("trimtab_watch_events_total", "Events applied.", ["resource", "type"], registry=REGISTRY)
OBJECTS_REFUSED = Counter(
    "trimtab_objects_refused_total",
    "Objects that could not be decoded and were left out.",
    ["resource"],
    registry=REGISTRY,
)
QUANTITIES_REFUSED = Counter(
    "trimtab_quantities_refused_total",
    "Quantities of nodes and pods that are unreadable or negative and count as absent.",
    ["resource"],
    registry=REGISTRY,
)
STATE_FAULTS = Counter(
    "trimtab_state_faults_total",
    "Faults of ours while an event was applied or told on; the cluster cache goes on.",
    ["where"],
    registry=REGISTRY,
)
ASSIGNMENTS_DROPPED = Counter(
    "trimtab_assignments_dropped_total",
    "Recent assignments that left early because too many were kept.",
    registry=REGISTRY,
)
NODES = Gauge("trimtab_nodes", "Nodes in the cluster cache.", registry=REGISTRY)
PODS = Gauge("trimtab_pods", "Non-terminal pods in the cluster cache.", registry=REGISTRY)
METRICS_AGE = Gauge(
    "trimtab_load_metrics_age_seconds",
    "Age of the newest node load document; -1 before the first.",
    registry=REGISTRY,
)
METRICS_NODES = Gauge(
    "trimtab_load_metrics_nodes",
    "Nodes in the newest node load document; 0 when it is too old to be used.",
    registry=REGISTRY,
)
METRICS_FAILURES = Counter(
    "trimtab_load_metrics_failures_total",
    "Load documents that could not be had or read.",
    ["cause"],
    registry=REGISTRY,
)
METRICS_ODD = Counter(
    "trimtab_load_metrics_odd_total",
    "Load values that are no number (left out) or negative (kept), and nodes that the cluster does not have.",
    ["kind"],
    registry=REGISTRY,
)

POLICY_SUCCESS = Gauge(
    "trimtab_policy_last_reload_successful",
    "1 if the newest policy text took effect, else 0.",
    registry=REGISTRY,
)
POLICY_SUCCESS_AT = Gauge(
    "trimtab_policy_last_reload_success_timestamp_seconds",
    "When a policy last took effect.",
    registry=REGISTRY,
)
POLICY_RELOADS = Counter("trimtab_policy_reloads_total", "Policy texts read, by result.", ["result"], registry=REGISTRY)
POLICY_REVISION = Gauge(
    "trimtab_policy_revision_info", "The policy in effect.", ["revision", "hash"], registry=REGISTRY
)
POLICY_WRITE_FAILURES = Counter(
    "trimtab_policy_write_failures_total",
    "Status, events and last good copies of the policy that could not be written; the policy itself is unaffected.",
    ["what"],
    registry=REGISTRY,
)
CONTROLLER_FAULTS = Counter(
    "trimtab_controller_faults_total",
    "Falls of a background loop; it was started again.",
    ["controller"],
    registry=REGISTRY,
)
LEADER = Gauge(
    "trimtab_leader",
    "1 if this replica is the active one, also where none is elected; 0: it answers nothing and follows.",
    registry=REGISTRY,
)
LEADER_TRANSITIONS = Counter(
    "trimtab_leader_transitions_total", "Times that this replica began or ceased to lead.", ["to"], registry=REGISTRY
)
LEASE_CONFLICTS = Counter(
    "trimtab_leader_lease_conflicts_total",
    "Writes of the leader's Lease that came too late: somebody had changed it.",
    registry=REGISTRY,
)
EVICTIONS = Counter(
    "trimtab_evictions_total",
    "Pods asked to leave, by result: evicted, refused (a budget or a limit said no), gone, failed, dryRun.",
    ["why", "result", "plugin"],
    registry=REGISTRY,
)
ELASTIC_QUOTA_STATUS = Counter(
    "trimtab_elastic_quota_status_total",
    "Writes of an ElasticQuota's status, by result.",
    ["result"],
    registry=REGISTRY,
)
RECLAIMS = Counter(
    "trimtab_reclaims_total",
    "Searches for room for entitled pods, by result: submitted, refused (by the eviction engine), nothing, later.",
    ["result"],
    registry=REGISTRY,
)
EVICTION_QUEUE = Gauge("trimtab_eviction_queue", "Evictions that wait for their turn or a retry.", registry=REGISTRY)
EVICTION_JOBS_REFUSED = Counter(
    "trimtab_eviction_jobs_refused_total", "Eviction jobs not taken in, by cause.", ["cause"], registry=REGISTRY
)
POD_EVENTS = Counter(
    "trimtab_pod_events_total",
    "Events about evicted pods: written, failed, dropped (too many).",
    ["result"],
    registry=REGISTRY,
)
BUILD_INFO = Gauge("trimtab_build_info", "Version of the program.", ["version"], registry=REGISTRY)
