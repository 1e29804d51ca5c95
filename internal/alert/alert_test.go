package alert

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
)

func disk(free, total, need uint64) []DiskFact {
	return []DiskFact{{Volume: "data", Free: free, Total: total, Need: need}}
}

// The rules that the configuration knows are those that there are.
func TestRulesOfTheConfiguration(t *testing.T) {
	var names []string
	for _, r := range Rules() {
		names = append(names, string(r))
	}
	if !slices.Equal(names, config.AlertRules()) {
		t.Errorf("%v\n%v", names, config.AlertRules())
	}
}

// docs are so many documents with a code.
func docs(n int, code string) (list []Document) {
	for i := range n {
		list = append(list, Document{Tenant: db.DefaultTenant, ID: fmt.Sprintf("doc-%d", i), Code: code})
	}
	return list
}

// OPS-070: each rule opens at its threshold and not below it, with its severity, and closes when what it is about has
// been gone for five minutes.
func TestOPS070EveryRule(t *testing.T) {
	start := newWorld("").at
	const m = time.Minute
	for name, c := range map[string]struct {
		below, at func(*Facts)
		want      string // rule, severity and key
	}{
		"not ready": {
			func(f *Facts) { f.NotReady, f.NotReadySince = []string{"disk"}, start.Add(-2*m+1) },
			func(f *Facts) { f.NotReady, f.NotReadySince = []string{"disk"}, start.Add(-2*m) }, "not_ready page n1",
		},
		"storage": {func(*Facts) {}, func(f *Facts) { f.Storage = "its storage failed" }, "store_failed page n1"},
		"conservation": {
			func(f *Facts) { f.Differences = map[string]int64{"in": 0} },
			func(f *Facts) { f.Differences = map[string]int64{"in": -3} }, "conservation page in",
		},
		"disk warn": {
			func(f *Facts) { f.Disks = disk(26, 100, 2) },
			func(f *Facts) { f.Disks = disk(25, 100, 2) }, "disk warn n1 data",
		},
		"disk page": {
			func(f *Facts) { f.Disks = disk(30, 100, 30) },
			func(f *Facts) { f.Disks = disk(10, 100, 2) }, "disk page n1 data",
		},
		"disk silent": {
			func(f *Facts) { f.Disks = []DiskFact{{Volume: "data"}} },
			func(f *Facts) { f.Disks = []DiskFact{{Volume: "data", Silent: true}} }, "disk page n1 data",
		},
		"disk need": {
			func(*Facts) {},
			func(f *Facts) { f.Disks = disk(80, 100, 81) }, "disk page n1 data",
		},
		"certificate info": {
			func(f *Facts) { f.Certificates = []CertificateFact{{"key", "0123456789", 91, false, false}} },
			func(f *Facts) { f.Certificates = []CertificateFact{{"key", "0123456789", 31, false, true}} },
			"certificate_expiry info key 01234567",
		},
		"certificate warn": {
			func(*Facts) {},
			func(f *Facts) { f.Certificates = []CertificateFact{{"key", "0123456789", 30, false, true}} },
			"certificate_expiry warn key 01234567",
		},
		"certificate page": {
			func(*Facts) {},
			func(f *Facts) { f.Certificates = []CertificateFact{{"key", "0123456789", 7, false, true}} },
			"certificate_expiry page key 01234567",
		},
		"certificate over": {
			func(*Facts) {},
			func(f *Facts) { f.Certificates = []CertificateFact{{"key", "0123456789", -1, true, true}} },
			"certificate_expiry page key 01234567",
		},
		"failed": {func(*Facts) {}, func(f *Facts) { f.Failed = docs(1, "RAVN-2201") }, "send_failed info doc-0"},
		"failed rate": {
			func(f *Facts) { f.Sends = Portion{2, 49} },
			func(f *Facts) { f.Sends = Portion{3, 50} }, "send_failed page rate n1",
		},
		"unsent warn": {
			func(f *Facts) { f.Unsent = Backlog{7, 15 * m} },
			func(f *Facts) { f.Unsent = Backlog{7, 15*m + 1} }, "send_delayed warn oldest",
		},
		"unsent page": {
			func(*Facts) {}, func(f *Facts) { f.Unsent = Backlog{7, 60*m + 1} }, "send_delayed page oldest",
		},
		"peer": {
			func(f *Facts) {
				f.Peers = []PeerFact{{"a.example", start.Add(-15 * m), 4}, {"b.example", start.Add(-14 * m), 9}}
			},
			func(f *Facts) { f.Peers = []PeerFact{{"a.example", start.Add(-15 * m), 5}} }, "peer_down warn a.example",
		},
		"lookups": {
			func(f *Facts) { f.LookupsFail = start.Add(-10*m + 1) },
			func(f *Facts) { f.LookupsFail = start.Add(-10 * m) }, "smp_down warn n1",
		},
		"refusals of one": {
			func(f *Facts) { f.Refusals = map[string]int64{"POP000001": 19} },
			func(f *Facts) { f.Refusals = map[string]int64{"POP000001": 20} }, "receive_errors warn POP000001",
		},
		"refusals of all": {
			func(f *Facts) { f.Refused = Portion{20, 100} },
			func(f *Facts) { f.Refused = Portion{21, 100} }, "receive_errors warn all n1",
		},
		"undelivered warn": {
			func(f *Facts) { f.Undelivered = Backlog{1, 15 * m} },
			func(f *Facts) { f.Undelivered = Backlog{1, 16 * m} }, "delivery_delayed warn oldest",
		},
		"undelivered page": {
			func(*Facts) {}, func(f *Facts) { f.Undelivered = Backlog{1, 61 * m} }, "delivery_delayed page oldest",
		},
		"dead":       {func(*Facts) {}, func(f *Facts) { f.Dead = docs(1, "") }, "delivery_dead warn doc-0"},
		"attention":  {func(*Facts) {}, func(f *Facts) { f.Attention = docs(1, "") }, "attention warn doc-0"},
		"quarantine": {func(*Facts) {}, func(f *Facts) { f.Quarantined = docs(1, "RAVN-3007") }, "poison page doc-0"},
		"clock offset": {
			func(f *Facts) { f.ClockOffset = -2 * time.Second },
			func(f *Facts) { f.ClockOffset = -2*time.Second - 1 }, "clock warn n1",
		},
		"clock jump": {
			func(f *Facts) { f.ClockJump = 5 * time.Second },
			func(f *Facts) { f.ClockJump = 5*time.Second + 1 }, "clock warn n1",
		},
		"rules": {func(*Facts) {}, func(f *Facts) { f.RuleAlarms = []string{"ended ehf 1"} }, "rules warn packs"},
	} {
		t.Run(name, func(t *testing.T) {
			w, o := newWorld(t.TempDir()+"/ravn.db"), &outbox{}
			n := w.node(t, "n1", channel(o))
			n.began = w.at.Add(-time.Hour)
			is := func(what, want string) {
				t.Helper()
				n.Turn(t.Context())
				list, err := n.Book.Open(t.Context())
				if err != nil || len(n.failed) > 0 {
					t.Fatal(err, n.failed)
				}
				got := ""
				for _, a := range list {
					got += fmt.Sprint(a.Rule, " ", a.Severity, " ", a.Key)
				}
				if got != want {
					t.Errorf("%s: open %q, want %q", what, got, want)
				}
			}
			rule, severity := strings.Fields(c.want)[0], strings.Fields(c.want)[1]
			c.below(&n.facts)
			is("below", "")
			if got := n.takeChanges(); len(got) > 0 {
				t.Errorf("below: %v", got)
			}
			n.facts = Facts{Node: "n1"}
			c.at(&n.facts)
			is("at", c.want)
			if got := n.takeChanges(); !slices.Equal(got, []string{"opened " + rule + " " + severity}) {
				t.Errorf("at: %v", got)
			}
			n.facts = Facts{Node: "n1"}
			w.pass(5*time.Minute - time.Microsecond)
			is("gone for a moment less than five minutes", c.want)
			w.pass(time.Microsecond)
			is("gone", "")
			if got := n.takeChanges(); !slices.Equal(got, []string{"closed " + rule + " " + severity}) {
				t.Errorf("gone: %v", got)
			}
			if got := o.take(); len(got) != 2 || !strings.HasPrefix(got[0], "[ravn "+severity+"] "+rule+": ") ||
				!strings.HasPrefix(got[1], "[ravn over] "+rule+": ") {
				t.Errorf("sent: %q", got)
			}
			n.Thresholds.Off = map[Rule]bool{Rule(rule): true}
			c.at(&n.facts)
			is("switched off", "")
		})
	}
}

// OPS-070: a document has an alert of its own, but a thousand have not a thousand.
func TestOPS070ManyDocuments(t *testing.T) {
	limits := defaults()
	list := limits.Judge(&Facts{Dead: docs(1000, "")}, time.Now())
	if len(list) != maxDocuments+1 || list[maxDocuments].Key != "more" || list[0].Message != "doc-0" {
		t.Errorf("%d conditions", len(list))
	}
}

// OPS-070: where there are more documents than have an alert of their own, those that fall out of the list stay open;
// what could not be read is not over either.
func TestOPS070NotKnownToBeOver(t *testing.T) {
	w := newWorld(t.TempDir() + "/ravn.db")
	n := w.node(t, "n1")
	open := func() (keys []string) {
		t.Helper()
		list, err := n.Book.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			keys = append(keys, list[i].Key)
		}
		slices.Sort(keys)
		return keys
	}
	n.facts.Dead, n.facts.Attention = docs(maxDocuments, ""), docs(1, "")
	n.Turn(t.Context())
	w.pass(10 * time.Minute)
	n.Turn(t.Context())
	before := open()
	n.facts.Dead = append([]Document{{ID: "newer"}}, n.facts.Dead...)
	n.facts.Attention = nil
	n.record = errDown
	for range 3 {
		w.pass(5 * time.Minute)
		n.Turn(t.Context())
	}
	want := slices.Sorted(slices.Values(append(slices.Clone(before), moreKey, "newer")))
	if got := open(); len(before) != maxDocuments+1 || !slices.Equal(got, want) {
		t.Errorf("open %v, want %v", got, want)
	}
	if n.failed = slices.Compact(n.failed); len(n.failed) != 1 || !strings.Contains(n.failed[0], errDown.Error()) {
		t.Errorf("told %q", n.failed)
	}
	n.record = nil
	n.Turn(t.Context())
	want = slices.DeleteFunc(want, func(key string) bool { return key == "doc-0" }) // of attention
	want = slices.Sorted(slices.Values(append(want, "doc-0")))                      // of the dead
	if got := open(); !slices.Equal(got, want) {
		t.Errorf("with more than %d: open %v, want %v", maxDocuments, got, want)
	}
	n.facts.Dead = n.facts.Dead[:1]
	w.pass(5 * time.Minute)
	n.Turn(t.Context())
	if got := open(); !slices.Equal(got, []string{"newer"}) {
		t.Errorf("at the end: open %v", got)
	}
}

// T-OPS-5, OPS-070: three nodes that see the same at the same time make one alert and send each notice once; what only
// one of them sees lasts as long as that one sees it.
func TestOPS070ThreeNodesSendOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, w *world) {
		o := &outbox{}
		var nodes []*node
		for i := range 3 {
			n := w.node(t, fmt.Sprintf("n%d", i), channel(o))
			n.facts.Dead = docs(3, "")
			nodes = append(nodes, n)
		}
		turn := func() {
			var all sync.WaitGroup
			for _, n := range nodes {
				all.Go(func() { n.Turn(t.Context()) })
			}
			all.Wait()
		}
		dead := func(word string) (list []string) {
			for range 3 {
				list = append(list, "[ravn "+word+"] delivery_dead: a received document was given up: it is not "+
					"delivered")
			}
			return list
		}
		for range 3 {
			turn()
		}
		if got := o.take(); !slices.Equal(got, dead("warn")) {
			t.Errorf("opened: %q", got)
		}
		if all := slices.Compact(slices.Sorted(slices.Values(o.ids))); len(all) != 3 {
			t.Errorf("%d notices", len(all))
		}
		w.pass(6 * time.Hour)
		for range 3 {
			turn()
		}
		if got := o.take(); !slices.Equal(got, dead("warn")) {
			t.Errorf("repeated: %q", got)
		}
		nodes[0].facts.Dead, nodes[1].facts.Dead = nil, nil // as if their look at the record failed
		w.pass(4 * time.Minute)
		turn()
		w.pass(4 * time.Minute)
		turn()
		if got := o.take(); len(got) > 0 {
			t.Errorf("one node sees it: %q", got)
		}
		nodes[2].facts.Dead = nil
		w.pass(5 * time.Minute)
		for range 3 {
			turn()
		}
		if got := o.take(); !slices.Equal(got, dead("over")) {
			t.Errorf("closed: %q", got)
		}
		for _, n := range nodes {
			if len(n.failed) > 0 {
				t.Errorf("%s: %v", n.facts.Node, n.failed)
			}
		}
	})
}

// OPS-070: after a pause of all nodes nothing is closed that is still wrong, and nothing closes before the first node
// has looked for a while.
func TestOPS070AfterAPause(t *testing.T) {
	w, o := newWorld(t.TempDir()+"/ravn.db"), &outbox{}
	n := w.node(t, "n1", channel(o))
	n.facts.Dead = docs(1, "")
	n.Turn(t.Context())
	w.pass(time.Hour)
	n = w.node(t, "n1", channel(o))
	n.Turn(t.Context())
	w.pass(4 * time.Minute)
	n.Turn(t.Context())
	if got := n.takeChanges(); len(got) > 0 {
		t.Errorf("closed too early: %v", got)
	}
	w.pass(time.Minute)
	n.Turn(t.Context())
	if got := n.takeChanges(); !slices.Equal(got, []string{"closed delivery_dead warn"}) {
		t.Errorf("%v", got)
	}
}

// OPS-071: a page is told every half an hour, a warning every six hours, an info once; it is told when it gets
// worse; an
// acknowledgement stops repeats, and not the note at the end.
func TestOPS071Repeats(t *testing.T) {
	for severity, c := range map[Severity]struct {
		set    func(*Facts)
		repeat time.Duration
	}{
		Page: {func(f *Facts) { f.Unsent = Backlog{1, 2 * time.Hour} }, 30 * time.Minute},
		Warn: {func(f *Facts) { f.Unsent = Backlog{1, 20 * time.Minute} }, 6 * time.Hour},
		Info: {func(f *Facts) { f.Failed = docs(1, "") }, 0},
	} {
		t.Run(string(severity), func(t *testing.T) {
			w, o := newWorld(t.TempDir()+"/ravn.db"), &outbox{}
			n := w.node(t, "n1", channel(o))
			c.set(&n.facts)
			after := func(d time.Duration, want int) {
				t.Helper()
				w.pass(d)
				n.Turn(t.Context())
				if got := o.take(); len(got) != want {
					t.Errorf("after %s: %q", d, got)
				}
			}
			after(0, 1)
			if c.repeat == 0 {
				after(48*time.Hour, 0)
				return
			}
			after(c.repeat-time.Second, 0)
			after(time.Second, 1)
			after(time.Second, 0)
			open, err := n.Book.Open(t.Context())
			if err != nil || len(open) != 1 {
				t.Fatal(err, open)
			}
			if a, err := n.Book.Ack(t.Context(), open[0].ID, "kari"); err != nil || a.AckedBy != "kari" ||
				a.Acked.IsZero() {
				t.Error(a, err)
			}
			after(10*c.repeat, 0)
			n.facts = Facts{Node: "n1"}
			after(5*time.Minute, 1)
			audits, err := n.Book.DB.Audits(t.Context(), db.DefaultTenant, time.Time{}, time.Time{}, 10)
			if err != nil || len(audits) != 1 || audits[0].Actor != "kari" ||
				audits[0].Action != "alert_acknowledged" ||
				audits[0].Subject != open[0].ID {
				t.Error(audits, err)
			}
			if _, err := n.Book.Ack(t.Context(), open[0].ID, "kari"); err != db.ErrNotFound {
				t.Errorf("closed: %v", err)
			}
		})
	}
	w, o := newWorld(t.TempDir()+"/ravn.db"), &outbox{}
	n := w.node(t, "n1", channel(o))
	n.facts.Unsent = Backlog{1, 20 * time.Minute}
	n.Turn(t.Context())
	n.facts.Unsent = Backlog{1, 2 * time.Hour}
	n.Turn(t.Context())
	n.Turn(t.Context())
	if got := o.take(); len(got) != 2 || !strings.HasPrefix(got[1], "[ravn page] send_delayed") {
		t.Errorf("worse: %q", got)
	}
	if got := n.takeChanges(); !slices.Equal(got, []string{"opened send_delayed warn", "raised send_delayed page"}) {
		t.Errorf("worse: %v", got)
	}
}

// OPS-072: a silenced alert is told to nobody until the end of the silence, also if it closes and comes again; it stays
// in the list. A silence has a reason and an end, and is audited.
func TestOPS072Silence(t *testing.T) {
	w, o := newWorld(t.TempDir()+"/ravn.db"), &outbox{}
	n := w.node(t, "n1", channel(o))
	n.facts.Unsent = Backlog{1, 2 * time.Hour}
	n.Turn(t.Context())
	o.take()
	open, err := n.Book.Open(t.Context())
	if err != nil || len(open) != 1 {
		t.Fatal(err, open)
	}
	for _, c := range []struct {
		span   time.Duration
		reason string
	}{{0, "x"}, {-1, "x"}, {MaxSilence + 1, "x"}, {time.Hour, ""}} {
		if _, err := n.Book.Silence(t.Context(), open[0].ID, "kari", c.reason, c.span); err == nil {
			t.Errorf("%v: no error", c)
		}
	}
	if _, err := n.Book.Silence(t.Context(), "no such", "kari", "x", time.Hour); err != db.ErrNotFound {
		t.Error(err)
	}
	if _, err := n.Book.Silence(t.Context(), open[0].ID, "kari", "the network is being rebuilt",
		3*time.Hour); err != nil {
		t.Fatal(err)
	}
	w.pass(time.Hour)
	n.Turn(t.Context())
	n.facts.Unsent = Backlog{}
	w.pass(5 * time.Minute)
	n.Turn(t.Context())
	n.facts.Unsent = Backlog{1, 2 * time.Hour}
	n.Turn(t.Context())
	if got := o.take(); len(got) > 0 {
		t.Errorf("silenced: %q", got)
	}
	again, err := n.Book.Open(t.Context())
	if err != nil || len(again) != 1 || again[0].ID == open[0].ID ||
		again[0].SilencedWhy != "the network is being rebuilt" {
		t.Errorf("%v %v", again, err)
	}
	w.pass(2 * time.Hour)
	n.Turn(t.Context())
	if got := o.take(); len(got) != 1 {
		t.Errorf("after the silence: %q", got)
	}
	audits, err := n.Book.DB.Audits(t.Context(), db.DefaultTenant, time.Time{}, time.Time{}, 10)
	if err != nil || len(audits) != 1 || audits[0].Action != "alert_silenced" ||
		audits[0].Detail != "for 3h0m0s: the network is being rebuilt" {
		t.Error(audits, err)
	}
}

// OPS-071: a channel has what is at least as severe as it wants, of its rules and its tenants.
func TestOPS071WhatAChannelWants(t *testing.T) {
	a := &Alert{Rule: DeliveryDead, Severity: Warn, Tenant: "acme"}
	for _, c := range []struct {
		ch   Channel
		want bool
	}{
		{Channel{MinSeverity: Warn}, true},
		{Channel{MinSeverity: Info}, true},
		{Channel{MinSeverity: Page}, false},
		{Channel{MinSeverity: Warn, Rules: []Rule{DeliveryDead}}, true},
		{Channel{MinSeverity: Warn, Rules: []Rule{Disk}}, false},
		{Channel{MinSeverity: Warn, Tenants: []string{"acme"}}, true},
		{Channel{MinSeverity: Warn, Tenants: []string{"default"}}, false},
	} {
		if got := c.ch.wants(a); got != c.want {
			t.Errorf("%+v: %v", c.ch, got)
		}
	}
}

// OPS-071, API-094: what cannot be sent is tried again by the plan, with the same id and the same bytes, and is seen in
// the list of channels; something new is tried at once; after three days it is given up.
func TestOPS071ChannelThatIsDown(t *testing.T) {
	w, o := newWorld(t.TempDir()+"/ravn.db"), &outbox{fail: errDown}
	n := w.node(t, "n1", channel(o))
	n.facts.Failed = docs(1, "")
	state := func() ChannelState {
		t.Helper()
		list, err := n.Book.States(t.Context())
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return list[0]
	}
	for i, wait := range plan {
		n.Turn(t.Context())
		s := state()
		if s.Failures != i+1 || s.Waiting != 1 || s.Reason != "it is down" || !s.Failing.Equal(newWorld("").at) {
			t.Errorf("%d: %+v", i, s)
		}
		if d := s.Next.Sub(w.at); d < wait*9/10 || d > wait*11/10 {
			t.Errorf("%d: next after %s, want about %s", i, d, wait)
		}
		w.pass(wait * 8 / 10)
		n.Turn(t.Context())
		if s := state(); s.Failures != i+1 {
			t.Errorf("%d: tried too early", i)
		}
		w.pass(wait * 3 / 10)
	}
	n.facts.Attention = docs(1, "") // hurries
	n.Turn(t.Context())
	if s := state(); s.Failures != len(plan)+1 || s.Waiting < 1 {
		t.Errorf("%+v", s)
	}
	o.fail = nil
	w.pass(48 * time.Hour)
	n.Turn(t.Context())
	if s := state(); s.Failures != 0 || s.Waiting != 0 || s.Reason != "" || !s.Failing.IsZero() {
		t.Errorf("%+v", s)
	}
	if got := o.take(); len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "[ravn warn] attention") {
		t.Errorf("%q", got)
	}
}

// OPS-071: a node that dies while it sends holds a channel for the time of its lease, no longer.
func TestOPS071LeaseOfAChannel(t *testing.T) {
	w, o := newWorld(t.TempDir()+"/ravn.db"), &outbox{}
	n := w.node(t, "n1", channel(o))
	n.facts.Failed = docs(1, "")
	if _, err := n.Book.See(t.Context(), n.Thresholds.Judge(&n.facts, w.at), false); err != nil {
		t.Fatal(err)
	}
	if held, err := n.Book.claim(t.Context(), &n.Book.Channels[0], "dead"); err != nil || held == nil {
		t.Fatal(held, err)
	}
	n.Turn(t.Context())
	if got := o.take(); len(got) > 0 {
		t.Errorf("sent beside another: %q", got)
	}
	w.pass(sendLease)
	n.Turn(t.Context())
	if got := o.take(); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// REL-002, OPS-070: when the record itself has failed, the alarm about that goes out all the same, and again after half
// an hour.
func TestREL002ToldWithoutTheRecord(t *testing.T) {
	w, o := newWorld(t.TempDir()+"/ravn.db"), &outbox{}
	n := w.node(t, "n1", channel(o))
	n.Turn(t.Context())
	if err := n.Book.DB.Close(); err != nil {
		t.Fatal(err)
	}
	n.facts.Dead = docs(1, "")
	after := func(d time.Duration, want ...string) {
		t.Helper()
		w.pass(d)
		n.Turn(t.Context())
		if got := o.take(); !slices.Equal(got, want) {
			t.Errorf("after %s: %q", d, got)
		}
	}
	const text = "[ravn page] store_failed: server n1 cannot write to the record: it does not answer"
	after(0)
	after(withoutBook, text)
	after(29 * time.Minute)
	after(time.Minute, text)
}

// REL-002, OPS-070: a record that answers nothing at all is told of too, and a channel that did not take it is told at
// the next look. A slow channel keeps nobody from looking.
func TestREL002RecordThatHangs(t *testing.T) {
	down, up := &outbox{fail: errDown}, &outbox{}
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{})
		e := &Engine{
			Book: &Book{CloseAfter: time.Minute, Channels: []Channel{
				{Name: "down", MinSeverity: Info, AtOnce: 1, Sender: down},
				{Name: "up", MinSeverity: Info, AtOnce: 1, Sender: up},
			}},
			Thresholds: defaults(), Now: time.Now, Facts: func() *Facts { return &Facts{Node: "n1"} },
			Record:  func(context.Context, *Facts) error { <-hangs; return nil }, // whatever its context says
			Changed: func(Change) {}, Failed: func(string, error) {},
		}
		for range 5 {
			e.look(t.Context())
			time.Sleep(Every)
		}
		const text = "[ravn page] store_failed: server n1 cannot write to the record: it does not answer"
		if got := up.take(); !slices.Equal(got, []string{text}) {
			t.Errorf("up: %q", got)
		}
		down.fail = nil
		e.look(t.Context())
		if got := down.take(); !slices.Equal(got, []string{text}) {
			t.Errorf("down, and up again: %q", got)
		}
		if got := up.take(); len(got) > 0 {
			t.Errorf("told again: %q", got)
		}
		close(hangs)
		synctest.Wait()
		if e.record.busy.Load() {
			t.Error("what hung is held to hang still")
		}
	})
}

// API-094: a notice that the other side will never take ends at once, and those behind it are sent.
func TestAPI094RefusedNoticeEnds(t *testing.T) {
	var got []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		word := "taken"
		if strings.Contains(string(body), "send_failed") {
			word = "refused"
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
		got = append(got, word)
	}))
	defer srv.Close()
	w := newWorld(t.TempDir() + "/ravn.db")
	n := w.node(t, "n1", Channel{Name: "hook", MinSeverity: Info, AtOnce: 1, Sender: &Webhook{
		URL: srv.URL, Secret: Secret("a secret of more than 24 bytes"), HTTP: srv.Client(), Now: w.now,
	}})
	n.facts.Failed, n.facts.Dead = docs(2, ""), docs(1, "")
	n.Turn(t.Context())
	if !slices.Equal(got, []string{"refused", "refused", "taken"}) {
		t.Errorf("at the other side: %q", got)
	}
	w.pass(time.Hour)
	n.Turn(t.Context())
	if len(got) != 3 {
		t.Errorf("sent again: %q", got)
	}
	if len(n.failed) != 2 || !strings.Contains(n.failed[0], "HTTP 422") {
		t.Errorf("told: %q", n.failed)
	}
}

// OPS-071: a text says what, since when, how many, whose fault and what to do.
func TestOPS071Text(t *testing.T) {
	at := newWorld("").at
	a := &Alert{
		ID: "a1", Tenant: "default", Rule: SendFailed, Key: "doc-1", Severity: Info, Opened: at, Seen: at, Count: 1,
		What: "a document was given up: it was not sent", Code: fault.GivenUp, Message: "doc-1",
	}
	const want = `What:        a document was given up: it was not sent
State:       info, opened
Since:       2026-11-21 12:00 UTC
How many:    1
Whose fault: nobody: the network; try again
Next step:   When the receiver's access point can be reached again: ravn documents retry ID, or send the document anew
Code:        RAVN-2207
Document:    doc-1 (ravn documents show doc-1)
Alert:       a1 (ravn alerts ack a1 stops repeats)
Server:      ap.example.org
`
	n := notice("n1", a, opened, "ap.example.org", at)
	if n.Body != want {
		t.Errorf("%s", n.Body)
	}
	const event = `{"specversion":"1.0","id":"n1","source":"/ravn/default","type":"ravn.alert.opened",` +
		`"subject":"doc-1",` +
		`"time":"2026-11-21T12:00:00.000000Z","ravncode":"RAVN-2207","datacontenttype":"application/json","data":{` +
		`"id":"a1","occasion":"opened","rule":"send_failed","key":"doc-1","severity":"info",` +
		`"opened":"2026-11-21T12:00:00.000000Z","last_seen":"2026-11-21T12:00:00.000000Z","count":1,` +
		`"text":"a document was given up: it was not sent","code":"RAVN-2207","blame":"nobody: the network; try ` +
		`again",` +
		`"next":"When the receiver's access point can be reached again: ravn documents retry ID, or ` +
		`send the document ` +
		`anew","document":"doc-1"}}`
	if n.Event != event {
		t.Errorf("%s", n.Event)
	}
	a.Closed = at.Add(time.Hour)
	var e struct {
		Type string
		Data struct{ Closed string }
	}
	over := notice("n2", a, closed, "ap.example.org", at)
	if err := json.Unmarshal([]byte(over.Event), &e); err != nil || e.Type != "ravn.alert.closed" ||
		e.Data.Closed != "2026-11-21T13:00:00.000000Z" || strings.Contains(over.Body, "Next step") {
		t.Errorf("%v %s\n%s", err, over.Event, over.Body)
	}
}

// T-OPS-15: whatever comes into the facts, no alert has a number that may be a person's or an organisation's, and no
// character that begins another line or steers a terminal.
func TestOPS15Canaries(t *testing.T) {
	const canary = "01017012345"
	evil := "x " + canary + "\r\nBcc: evil@example.org\x1b[31m\u202e" + strings.Repeat("y", 1000)
	at := newWorld("").at
	f := &Facts{
		Node: evil, NotReady: []string{evil}, Storage: evil, Disks: []DiskFact{{Volume: evil, Total: 100}},
		Certificates: []CertificateFact{{evil, evil, 1, false, true}}, Failed: []Document{{"default", "doc", evil}},
		Sends: Portion{50, 50}, Unsent: Backlog{1, 99 * time.Hour}, Peers: []PeerFact{{evil, time.Time{}, 100}},
		LookupsFail: at.Add(-time.Hour), Refusals: map[string]int64{evil: 100}, RuleAlarms: []string{evil},
		ClockJump: time.Hour, Differences: map[string]int64{evil: 1},
	}
	limits := defaults()
	list := limits.Judge(f, at)
	if len(list) < 12 {
		t.Errorf("%d conditions", len(list))
	}
	for _, c := range list {
		a := &Alert{Rule: c.Rule, Key: c.Key, Severity: c.Severity, What: c.What, Code: c.Code, Message: c.Message}
		n := notice("n1", a, opened, "ap.example.org", at)
		if all := n.Subject + n.Body + n.Event + c.Key; strings.Contains(all, canary) ||
			strings.ContainsAny(n.Subject, "\r\n\x1b\u202e") || strings.ContainsAny(n.Body, "\r\x1b\u202e") ||
			strings.Contains(n.Body, "\nBcc") || len(n.Subject) > maxText+3 {
			t.Errorf("%s: %q", c.Rule, all)
		}
	}
}

// OPS-070: closed alerts and what was sent are forgotten after thirty days, open ones never.
func TestOPS070Forgotten(t *testing.T) {
	w, o := newWorld(t.TempDir()+"/ravn.db"), &outbox{}
	n := w.node(t, "n1", channel(o))
	n.facts.Failed, n.facts.Dead = docs(1, ""), docs(1, "")
	n.Turn(t.Context())
	n.facts.Failed = nil
	w.pass(6 * time.Minute)
	n.Turn(t.Context())
	past := func() int {
		t.Helper()
		list, err := n.Book.Past(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if past() != 1 {
		t.Error("nothing has closed")
	}
	w.pass(Kept + time.Minute)
	n.Turn(t.Context())
	open, err := n.Book.Open(t.Context())
	if err != nil || len(open) != 1 || past() != 0 {
		t.Errorf("open %v %v, past %d", open, err, past())
	}
	if counts, err := n.Book.Counts(t.Context()); err != nil || counts["warn"] != 1 || counts["page"] != 0 {
		t.Error(counts, err)
	}
}
