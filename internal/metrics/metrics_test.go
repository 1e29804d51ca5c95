package metrics

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/ravn-ap/ravn/internal/golden"
)

// notYet are the metrics of OPS-080 whose subject does not exist yet.
var notYet = []string{
	"ravn_auth_failures_total", "ravn_backup_last_success_timestamp_seconds", "ravn_blob_bytes",
	"ravn_duplicate_keys", "ravn_feed_lag_seconds",
	"ravn_http_request_duration_seconds", "ravn_http_requests_total", "ravn_log_dropped_total", "ravn_mls_age_seconds",
	"ravn_mls_total", "ravn_rate_limited_total", "ravn_report_done", "ravn_report_due_timestamp_seconds",
	"ravn_revocation_checks_total", "ravn_shared_degraded", "ravn_vault_last_anchor_timestamp_seconds",
	"ravn_webhook_attempts_total",
}

// OPS-080: names, types, labels and buckets are those of the table in operations.md, and nothing is named otherwise.
func TestOPS080Table(t *testing.T) {
	want := specified(t)
	seen := map[string]bool{}
	for _, d := range Definitions() {
		spec, ok := want[d.Name]
		if seen[d.Name] = true; !ok {
			t.Errorf("%s is not in the table", d.Name)
			continue
		}
		if d.Kind != spec.Kind || !slices.Equal(d.Labels, spec.Labels) {
			t.Errorf("%s: %s %v, want %s %v", d.Name, d.Kind, d.Labels, spec.Kind, spec.Labels)
		}
		if (d.Kind == Histogram) != (d.Buckets != nil) {
			t.Errorf("%s: buckets %v", d.Name, d.Buckets)
		}
	}
	for name := range want {
		if listed := slices.Contains(notYet, name); seen[name] == listed {
			t.Errorf("%s: built %v, in the list of what is not built yet %v", name, seen[name], listed)
		}
	}
	for _, age := range []string{sendAge, deliveryAge} {
		i := slices.IndexFunc(table, func(d Definition) bool { return d.Name == age })
		if b := table[i].Buckets; b[0] != 1 || b[len(b)-1] != 7*86400 || !slices.Contains(b, 1200) ||
			!slices.Contains(b, 1500) {
			t.Errorf("%s: buckets %v", age, b)
		}
	}
	if fast[0] != .005 || fast[len(fast)-1] != 10 {
		t.Errorf("fast buckets %v", fast)
	}
}

var inBrackets = regexp.MustCompile(`\([^)]*\)`)

// specified reads the table of OPS-080: metrics in the first column, their types and labels in the next two, one entry
// for each metric, or one for all that follow.
func specified(t *testing.T) map[string]Definition {
	t.Helper()
	text := string(golden.Read(t, "spec/operations.md"))
	_, text, _ = strings.Cut(text, "**OPS-080**")
	text, _, _ = strings.Cut(text, "plus `go_*`")
	all := map[string]Definition{}
	for line := range strings.Lines(text) {
		col := strings.Split(line, "|")
		if len(col) != 5 || !strings.Contains(col[1], "`ravn_") {
			continue
		}
		kinds := strings.Split(strings.TrimSpace(inBrackets.ReplaceAllString(col[2], "")), ", ")
		labels := strings.Split(strings.TrimSpace(inBrackets.ReplaceAllString(col[3], "")), "·")
		for i, quoted := range strings.Split(strings.TrimSpace(col[1]), ", ") {
			d := Definition{Name: strings.Trim(quoted, "`")}
			switch kind := strings.TrimSpace(kinds[min(i, len(kinds)-1)]); {
			case kind == "gauge/counter" && strings.HasSuffix(d.Name, "_total"):
				d.Kind = Counter
			case kind == "gauge/counter":
				d.Kind = Gauge
			default:
				d.Kind = Kind(kind)
			}
			for label := range strings.SplitSeq(labels[min(i, len(labels)-1)], ",") {
				if label = strings.TrimSpace(label); label != "–" {
					d.Labels = append(d.Labels, label)
				}
			}
			all[d.Name] = d
		}
	}
	if len(all) < 40 {
		t.Fatalf("the table has %d metrics", len(all))
	}
	return all
}

// scrape is what a scrape returns.
func scrape(t *testing.T, m *Metrics) []byte {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("HTTP %d: %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

// full are metrics with a value in each.
func full() *Metrics {
	m := New(Build{"v1", "c0ffee", "go1"}, func() Reading {
		return Reading{
			Ready: map[string]bool{"store": true, "disk": false}, Messages: map[State]int64{{"in", "DELIVERED"}: 7},
			Work: map[string]Work{"send": {3, time.Minute}}, Breakers: map[string]int{"peer": 1}, Writes: 5, Commits: 4,
			DiskFree:     map[string]uint64{"data": 1 << 30},
			Certificates: []Certificate{{"ap", "POP000001", "01234567", time.Unix(1795262403, 0)}},
			Alerts:       map[string]int{"page": 1}, RulesAlarms: 2, ClockOffset: -time.Second,
			Differences: map[string]int64{"in": 0, "out": 3},
		}
	})
	m.Request("accepted", "", 200, time.Millisecond, 1000)
	m.Attempt("later", "", 503)
	m.Step("post", time.Second)
	m.Ended(true, "sent", time.Hour)
	m.Ended(false, "delivered", time.Second)
	m.Delivery("folder", "taken", time.Millisecond)
	m.Lookup("registered", "cache")
	m.Asked("dns", time.Millisecond)
	m.Validation("in", "valid", time.Millisecond)
	m.Commit(time.Millisecond)
	m.Fsync("blob", time.Millisecond)
	return m
}

// OPS-080: each metric is shown with its type and its labels.
func TestOPS080Shown(t *testing.T) {
	text := string(scrape(t, full()))
	for _, d := range Definitions() {
		if !strings.Contains(text, fmt.Sprintf("\n# TYPE %s %s\n", d.Name, d.Kind)) &&
			!strings.HasPrefix(text, fmt.Sprintf("# TYPE %s %s\n", d.Name, d.Kind)) {
			t.Errorf("%s is not shown as %s", d.Name, d.Kind)
		}
	}
	for _, line := range []string{
		`ravn_build_info{commit="c0ffee",go="go1",version="v1"} 1`,
		`ravn_ready{check="disk"} 0`, `ravn_ready{check="store"} 1`,
		`ravn_messages{direction="in",state="DELIVERED"} 7`,
		`ravn_outbox_open{kind="send"} 3`, `ravn_outbox_oldest_seconds{kind="send"} 60`,
		`ravn_as4_requests_total{code="none",outcome="accepted"} 1`,
		`ravn_send_attempts_total{code="http_503",outcome="later"} 1`,
		`ravn_send_age_seconds_bucket{status="sent",le="3600"} 1`,
		`ravn_send_age_seconds_bucket{status="sent",le="1500"} 0`,
		`ravn_delivery_attempts_total{backend="folder",outcome="taken"} 1`,
		`ravn_store_writes_total 5`, `ravn_store_commits_total 4`, `ravn_clock_offset_seconds -1`,
		`ravn_conservation_difference{direction="in"} 0`, `ravn_conservation_difference{direction="out"} 3`,
		`ravn_rules_alarms 2`, `ravn_alerts_open{severity="page"} 1`,
		`ravn_certificate_not_after_timestamp_seconds{fingerprint="01234567",seat="POP000001",use="ap"} ` +
			`1.795262403e+09`,
		`ravn_lookups_total{result="registered",source="cache"} 1`, `ravn_breakers_open{scope="peer"} 1`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("not there: %s", line)
		}
	}
	for _, prefix := range []string{"\ngo_goroutines ", "\nprocess_open_fds "} {
		if !strings.Contains(text, prefix) {
			t.Errorf("not there: %s", prefix)
		}
	}
}

// OPS-080: promtool and the library's own check find nothing to complain about.
func TestOPS080Promtool(t *testing.T) {
	text := scrape(t, full())
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if _, err := exec.LookPath("promtool"); err != nil {
		golden.Missing(t, "RAVN_REQUIRE_TOOLS", "a tool of this machine is missing", "promtool")
	}
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = bytes.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// OPS-080: whatever others write as a code becomes one of a few words.
func TestOPS080Codes(t *testing.T) {
	for _, c := range []struct {
		code   string
		status int
		want   string
	}{
		{"EBMS:0004", 200, "EBMS:0004"},
		{"EBMS:9999", 200, "other"},
		{"EBMS:0004\n", 200, "other"},
		{"", 503, "http_503"},
		{"", 599, "other"},
		{"", 200, "none"},
		{"", 202, "none"},
		{"", 0, "none"},
		{"EBMS:", 500, "other"},
		{"0192:991825827", 500, "http_500"},
	} {
		if got := Code(c.code, c.status); got != c.want {
			t.Errorf("%q %d: %s, want %s", c.code, c.status, got, c.want)
		}
	}
}

// OPS-080: whatever other access points answer in ten thousand attempts, there are fewer than 1,000 series. Those of
// what they send us are counted in package node.
func TestOPS080Series(t *testing.T) {
	m, r := full(), rand.New(rand.NewPCG(1, 2))
	outcomes := []string{"receipt", "refused", "later", "not-sent", "turned-away", "unknown", "bad-receipt"}
	for i := range 10_000 {
		code := []string{fmt.Sprintf("EBMS:%04d", r.IntN(10_000)), ""}[i%2]
		m.Attempt(outcomes[r.IntN(len(outcomes))], code, r.IntN(1000))
	}
	if n := series(t, m); n >= 1000 {
		t.Errorf("%d series", n)
	}
}

// series counts those that are shown.
func series(t *testing.T, m *Metrics) (n int) {
	t.Helper()
	for line := range strings.Lines(string(scrape(t, m))) {
		if !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}

// OPS-080: no more than a hundred backends have series of their own.
func TestOPS080Backends(t *testing.T) {
	m := New(Build{}, func() Reading { return Reading{} })
	for i := range 150 {
		m.Delivery(fmt.Sprintf("backend-%d", i), "taken", time.Second)
	}
	m.Delivery("backend-3", "taken", time.Second)
	text := string(scrape(t, m))
	for line, want := range map[string]bool{
		`ravn_delivery_attempts_total{backend="backend-99",outcome="taken"} 1`:  true,
		`ravn_delivery_attempts_total{backend="backend-3",outcome="taken"} 2`:   true,
		`ravn_delivery_attempts_total{backend="backend-100",outcome="taken"} 1`: false,
		`ravn_delivery_attempts_total{backend="other",outcome="taken"} 50`:      true,
	} {
		if strings.Contains(text, line+"\n") != want {
			t.Errorf("%s: want %v", line, want)
		}
	}
}
