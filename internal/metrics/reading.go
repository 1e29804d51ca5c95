package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reading is what a node knows at a scrape.
type Reading struct {
	Ready        map[string]bool // by check
	Messages     map[State]int64
	Work         map[string]Work   // open work by kind
	Breakers     map[string]int    // open ones by scope
	Writes       int64             // to the record
	Commits      int64             // that carried them
	DiskFree     map[string]uint64 // by volume
	Certificates []Certificate     //
	Alerts       map[string]int    // open ones by severity
	RulesAlarms  int               //
	ClockOffset  time.Duration     //
	Differences  map[string]int64  // of the record from what it must be, by direction (REL-101)
}

// State is where messages are.
type State struct{ Direction, State string }

// Work is open work of a kind.
type Work struct {
	Open   int64
	Oldest time.Duration // age
}

// Certificate is one whose end matters.
type Certificate struct {
	Use, Seat   string
	Fingerprint string // 8 hexadecimal digits
	NotAfter    time.Time
}

// collector shows a Reading.
type collector struct {
	read  func() Reading
	descs map[string]*prometheus.Desc
}

// has reports whether a counter is one that the database keeps.
func (c *collector) has(name string) bool { return name == storeWrites || name == storeCommits }

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	r := c.read()
	show := func(name string, kind prometheus.ValueType, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(c.descs[name], kind, value, labels...)
	}
	gauge := func(name string, value float64, labels ...string) {
		show(name, prometheus.GaugeValue, value, labels...)
	}
	for check, ok := range r.Ready {
		gauge(ready, bit(ok), check)
	}
	for s, n := range r.Messages {
		gauge(messages, float64(n), s.Direction, s.State)
	}
	for kind, w := range r.Work {
		gauge(outboxOpen, float64(w.Open), kind)
		gauge(outboxOldest, w.Oldest.Seconds(), kind)
	}
	for scope, n := range r.Breakers {
		gauge(breakersOpen, float64(n), scope)
	}
	for volume, n := range r.DiskFree {
		gauge(diskFree, float64(n), volume)
	}
	for _, cert := range r.Certificates {
		gauge(certificateEnd, float64(cert.NotAfter.Unix()), cert.Use, cert.Seat, cert.Fingerprint)
	}
	for severity, n := range r.Alerts {
		gauge(alertsOpen, float64(n), severity)
	}
	for direction, n := range r.Differences {
		gauge(differences, float64(n), direction)
	}
	gauge(rulesAlarms, float64(r.RulesAlarms))
	gauge(clockOffset, r.ClockOffset.Seconds())
	show(storeWrites, prometheus.CounterValue, float64(r.Writes))
	show(storeCommits, prometheus.CounterValue, float64(r.Commits))
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// maxNames is how many names of backends become labels (OPS-080).
const maxNames = 100

// names folds all names after the first hundred into one.
type names struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (n *names) fold(name string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.seen == nil {
		n.seen = map[string]bool{}
	}
	if !n.seen[name] && len(n.seen) >= maxNames {
		return "other"
	}
	n.seen[name] = true
	return name
}
