// Package metrics counts what a node does and shows it to Prometheus (D-17, OPS-080). Labels are bounded: what others
// can choose, like a code on the wire, is folded into a fixed set of words before it becomes one.
package metrics

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ravn-ap/ravn/ebms"
)

// Metrics are those of one node. A nil *Metrics counts nothing.
type Metrics struct {
	registry   *prometheus.Registry
	counters   map[string]*prometheus.CounterVec
	histograms map[string]*prometheus.HistogramVec
	inFlight   prometheus.Gauge
	backends   names
}

// Build says which program runs.
type Build struct{ Version, Commit, Go string }

// New makes metrics without any global state. read is asked at each scrape, and must answer at once: it returns what
// was found out before.
func New(b Build, read func() Reading) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(), counters: map[string]*prometheus.CounterVec{},
		histograms: map[string]*prometheus.HistogramVec{},
	}
	c := &collector{read: read, descs: map[string]*prometheus.Desc{}}
	for _, d := range table {
		switch {
		case d.Kind == Histogram:
			m.histograms[d.Name] = prometheus.NewHistogramVec(
				prometheus.HistogramOpts{Name: d.Name, Help: d.Help, Buckets: d.Buckets}, d.Labels)
			m.registry.MustRegister(m.histograms[d.Name])
		case d.Name == as4InFlight:
			m.inFlight = prometheus.NewGauge(prometheus.GaugeOpts{Name: d.Name, Help: d.Help})
			m.registry.MustRegister(m.inFlight)
		case d.Name == buildInfo:
			g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: d.Name, Help: d.Help}, d.Labels)
			g.WithLabelValues(b.Version, b.Commit, b.Go).Set(1)
			m.registry.MustRegister(g)
		case d.Kind == Counter && !c.has(d.Name):
			m.counters[d.Name] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, d.Labels)
			m.registry.MustRegister(m.counters[d.Name])
		default:
			c.descs[d.Name] = prometheus.NewDesc(d.Name, d.Help, d.Labels, nil)
		}
	}
	m.registry.MustRegister(c, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// maxScrapes is how many scrapes are answered at the same time.
const maxScrapes = 4

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})
}

func (m *Metrics) count(name string, labels ...string) {
	if m != nil {
		m.counters[name].WithLabelValues(labels...).Inc()
	}
}

func (m *Metrics) time(name string, took time.Duration, labels ...string) {
	if m != nil {
		m.histograms[name].WithLabelValues(labels...).Observe(took.Seconds())
	}
}

// Request counts a request at the AS4 endpoint. code is an EBMS code or "".
func (m *Metrics) Request(outcome, code string, status int, took time.Duration, bytes int64) {
	c := Code(code, status)
	m.count(as4Requests, outcome, c)
	m.time(as4Seconds, took, outcome, c)
	if m != nil {
		m.histograms[as4Bytes].WithLabelValues().Observe(float64(bytes))
	}
}

// InFlight changes the number of requests under way.
func (m *Metrics) InFlight(by int) {
	if m != nil {
		m.inFlight.Add(float64(by))
	}
}

// Attempt counts an attempt to send that ended.
func (m *Metrics) Attempt(outcome, code string, status int) {
	m.count(sendAttempts, outcome, Code(code, status))
}

// Step is how long a step of sending took: lookup, seal or post.
func (m *Metrics) Step(step string, took time.Duration) { m.time(sendSeconds, took, step) }

// Ended is how long after it was handed in or accepted a document came to its end.
func (m *Metrics) Ended(outgoing bool, status string, age time.Duration) {
	if outgoing {
		m.time(sendAge, age, status)
	} else {
		m.time(deliveryAge, age, status)
	}
}

// Delivery counts an attempt to deliver.
func (m *Metrics) Delivery(backend, outcome string, took time.Duration) {
	if m == nil {
		return
	}
	backend = m.backends.fold(backend)
	m.count(deliveryAttempts, backend, outcome)
	m.time(deliverySeconds, took, backend, outcome)
}

// Lookup counts a lookup of a receiver.
func (m *Metrics) Lookup(result, source string) { m.count(lookups, result, source) }

// Asked is how long a question of a lookup took: dns or smp.
func (m *Metrics) Asked(step string, took time.Duration) { m.time(lookupSeconds, took, step) }

// Validation counts a check of a document.
func (m *Metrics) Validation(direction, verdict string, took time.Duration) {
	m.count(validations, direction, verdict)
	m.time(validationTime, took, direction, verdict)
}

// Commit is how long a commit of the record took.
func (m *Metrics) Commit(took time.Duration) { m.time(commitSeconds, took) }

// Fsync is how long it took until a blob or the names in a folder were on disk.
func (m *Metrics) Fsync(what string, took time.Duration) { m.time(fsyncSeconds, took, what) }

// Code folds what ended a request into a bounded set: a known EBMS code, http_nnn for a known HTTP status that is no
// success, none, or other.
func Code(code string, status int) string {
	switch {
	case strings.HasPrefix(code, "EBMS:"):
		if _, known := ebms.Code(code).Define(); known {
			return code
		}
		return "other"
	case status == 0 || status/100 == 2:
		return "none"
	case http.StatusText(status) == "":
		return "other"
	}
	return fmt.Sprintf("http_%d", status)
}
