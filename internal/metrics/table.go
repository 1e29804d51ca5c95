package metrics

import "slices"

// Kind is the type of a metric.
type Kind string

// Kinds.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// Definition is a metric as OPS-080 has it.
type Definition struct {
	Name    string
	Kind    Kind
	Labels  []string
	Help    string
	Buckets []float64 // of a histogram
}

// Buckets of OPS-080, in seconds; and those of sizes, in bytes, for which it has none.
var (
	fast  = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	long  = []float64{1, 5, 15, 60, 300, 900, 1200, 1500, 3600, 14400, 43200, 86400, 259200, 604800}
	sizes = []float64{
		1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20,
		1 << 30,
	}
)

// Names of the metrics.
const (
	buildInfo        = "ravn_build_info"
	ready            = "ravn_ready"
	as4Requests      = "ravn_as4_requests_total"
	as4Seconds       = "ravn_as4_request_duration_seconds"
	as4Bytes         = "ravn_as4_request_bytes"
	as4InFlight      = "ravn_as4_in_flight"
	messages         = "ravn_messages"
	outboxOpen       = "ravn_outbox_open"
	outboxOldest     = "ravn_outbox_oldest_seconds"
	sendAttempts     = "ravn_send_attempts_total"
	sendSeconds      = "ravn_send_duration_seconds"
	sendAge          = "ravn_send_age_seconds"
	deliveryAge      = "ravn_delivery_age_seconds"
	deliveryAttempts = "ravn_delivery_attempts_total"
	deliverySeconds  = "ravn_delivery_duration_seconds"
	lookups          = "ravn_lookups_total"
	lookupSeconds    = "ravn_lookup_duration_seconds"
	breakersOpen     = "ravn_breakers_open"
	validations      = "ravn_validations_total"
	validationTime   = "ravn_validation_duration_seconds"
	storeWrites      = "ravn_store_writes_total"
	storeCommits     = "ravn_store_commits_total"
	commitSeconds    = "ravn_store_commit_duration_seconds"
	fsyncSeconds     = "ravn_fsync_duration_seconds"
	diskFree         = "ravn_disk_free_bytes"
	differences      = "ravn_conservation_difference"
	certificateEnd   = "ravn_certificate_not_after_timestamp_seconds"
	alertsOpen       = "ravn_alerts_open"
	rulesAlarms      = "ravn_rules_alarms"
	clockOffset      = "ravn_clock_offset_seconds"
)

// table has what of OPS-080 exists by now.
var table = []Definition{
	{buildInfo, Gauge, []string{"version", "commit", "go"}, "Always 1; the labels say which program runs.", nil},
	{ready, Gauge, []string{"check"}, "1 if the check of readiness is passed, else 0.", nil},
	{as4Requests, Counter, []string{"outcome", "code"}, "Requests at the AS4 endpoint.", nil},
	{as4Seconds, Histogram, []string{"outcome", "code"}, "Time from the first byte of a request to its answer.", fast},
	{as4Bytes, Histogram, nil, "Size of requests as received.", sizes},
	{as4InFlight, Gauge, nil, "Requests at the AS4 endpoint that are under way.", nil},
	{messages, Gauge, []string{"direction", "state"}, "Messages on record.", nil},
	{outboxOpen, Gauge, []string{"kind"}, "Open work in the outbox.", nil},
	{outboxOldest, Gauge, []string{"kind"}, "Age of the oldest open work in the outbox that is not kept back.", nil},
	{sendAttempts, Counter, []string{"outcome", "code"}, "Attempts to send, by how they ended.", nil},
	{sendSeconds, Histogram, []string{"step"}, "Time that steps of sending take.", fast},
	{sendAge, Histogram, []string{"status"}, "Time from handing a document in to its end.", long},
	{deliveryAge, Histogram, []string{"status"}, "Time from accepting a document to its end.", long},
	{deliveryAttempts, Counter, []string{"backend", "outcome"}, "Attempts to deliver, by how they ended.", nil},
	{deliverySeconds, Histogram, []string{"backend", "outcome"}, "Time that attempts to deliver take.", fast},
	{lookups, Counter, []string{"result", "source"}, "Lookups of receivers.", nil},
	{lookupSeconds, Histogram, []string{"step"}, "Time that the questions of a lookup take.", fast},
	{breakersOpen, Gauge, []string{"scope"}, "Targets that are left alone because they failed.", nil},
	{validations, Counter, []string{"direction", "verdict"}, "Checks of documents.", nil},
	{validationTime, Histogram, []string{"direction", "verdict"}, "Time until a check has its verdict.", fast},
	{storeWrites, Counter, nil, "Writes to the record.", nil},
	{storeCommits, Counter, nil, "Transactions that carried them.", nil},
	{commitSeconds, Histogram, nil, "Time that commits take.", fast},
	{fsyncSeconds, Histogram, []string{"what"}, "Time until a file or the names in a folder are on disk.", fast},
	{diskFree, Gauge, []string{"volume"}, "Free space of the disk of a folder.", nil},
	{differences, Gauge, []string{"direction"}, "Messages that the record does not have as it must.", nil},
	{certificateEnd, Gauge, []string{"use", "seat", "fingerprint"}, "End of a certificate, unix time.", nil},
	{alertsOpen, Gauge, []string{"severity"}, "Open alerts.", nil},
	{rulesAlarms, Gauge, nil, "Alarms about rule packs.", nil},
	{clockOffset, Gauge, nil, "Clock of this machine minus that of the database.", nil},
}

// Definitions lists all metrics.
func Definitions() []Definition { return slices.Clone(table) }
