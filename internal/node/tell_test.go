package node

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
)

// told is an event as C1 reads it.
type told struct {
	SpecVersion, ID, Source, Type, Subject, RavnCode string
	Time                                             time.Time
	Data                                             struct {
		ID, Direction, State, Status, Sender, Receiver string
		MessageID                                      string `json:"message_id"`
		Problem                                        *struct{ Code, Title, Next string }
	}
}

// news returns the open work of telling C1.
func (n *tested) news(t *testing.T) []store.Job {
	t.Helper()
	jobs, err := n.Store.Claim(t.Context(),
		store.Claim{Kind: store.Notify, Owner: "test", Lease: time.Minute, Limit: 99})
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// tellOne tells the one event that is due, and returns what C1 reads.
func (p *planned) tellOne(t *testing.T) (e told) {
	t.Helper()
	jobs := p.news(t)
	if len(jobs) != 1 {
		t.Fatalf("%d events", len(jobs))
	}
	tell := p.teller.Work[store.Notify]
	for range 2 { // a repeat is harmless
		if got := tell(t.Context(), jobs[0]); got != queue.Done() {
			t.Fatalf("got %+v", got)
		}
	}
	if err := p.Store.Complete(t.Context(), jobs[0]); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(p.Config.Path(p.Config.Notify.Folder), db.DefaultTenant)
	text, err := os.ReadFile(filepath.Join(dir, jobs[0].Key+".json"))
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	if err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("in the folder: %v, %v", list, err)
	}
	if e.SpecVersion != "1.0" || e.ID != jobs[0].Key || e.Source != "/ravn/"+db.DefaultTenant || e.Subject != p.id ||
		e.Time.IsZero() || e.Data.ID != p.id || e.Data.Direction != "out" || e.Data.MessageID == "" ||
		!strings.HasSuffix(e.Data.Sender, c1) || !strings.HasSuffix(e.Data.Receiver, c4) {
		t.Errorf("event %+v", e)
	}
	return e
}

// OPS-009, API-092: C1 is told of the end of a document, as it was then, and never to send again what may have arrived.
func TestOPS009News(t *testing.T) {
	for _, c := range []struct {
		name     string
		answer   int
		at       time.Duration // of the last attempt
		kind     string
		state    store.State
		code     fault.Code
		says     string
		withhold string
	}{
		{
			"refused", 413, 0, "failed", store.FailedPermanent, fault.PeerRefused, "refused", "",
		},
		{
			"given up, nothing can have arrived", 503, 24 * time.Hour, "failed", store.FailedPermanent, fault.GivenUp,
			"no attempt to send it got through", "",
		},
		{
			"given up, it may have arrived", 502, 24 * time.Hour, "failed", store.FailedPermanent, fault.GivenUpUnclear,
			"one of the attempts may have arrived", "anew",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := openPlannedWith(t, "tenants: [acme]\nnotify:\n  folder: news\n")
			p.answer = status(c.answer)
			state, _, _ := p.attempt(t)
			if c.at > 0 {
				if n := len(p.news(t)); n != 0 {
					t.Errorf("%d events while it is tried", n)
				}
				p.now = p.now.Add(c.at)
				state, _, _ = p.attempt(t)
			}
			if state != c.state {
				t.Fatalf("state %s", state)
			}
			e := p.tellOne(t)
			if e.Type != "ravn.document."+c.kind || e.Data.State != string(c.state) || e.RavnCode != string(c.code) {
				t.Errorf("event %+v", e)
			}
			if c.says != "" && (e.Data.Problem == nil || !strings.Contains(e.Data.Problem.Title, c.says) ||
				c.withhold != "" && strings.Contains(e.Data.Problem.Next, c.withhold)) {
				t.Errorf("problem %+v", e.Data.Problem)
			}
		})
	}
}

// OPS-009: the news of a cancelled document is what it was then. A folder that is gone delays the news, in steps, and
// changes nothing about the document; nothing is entered when nobody is told.
func TestOPS009NeverAnyInfluence(t *testing.T) {
	p := openPlannedWith(t, "tenants: [acme]\nnotify:\n  folder: news\n")
	p.answer = func(w http.ResponseWriter) { status(503)(w) }
	p.attempt(t)
	if err := p.Store.Cancel(t.Context(), db.DefaultTenant, p.id, "kari", "not wanted"); err != nil {
		t.Fatal(err)
	}
	dir := p.Config.Path(p.Config.Notify.Folder)
	if err := os.Rename(dir, dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	job, err := p.Store.JobOf(t.Context(), db.DefaultTenant, store.Notify, p.lastEvent(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.teller.Work[store.Notify](t.Context(), job); got == queue.Done() ||
		got == queue.Dead("") || p.state(t, p.id) != store.Cancelled {
		t.Errorf("got %+v", got)
	}
	if list := p.Log.lines(t, "C1 is not told what became of a document; it is tried again"); len(list) != 1 {
		t.Errorf("%d lines in the log", len(list))
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was made anew")
	}
	if err := os.Rename(dir+"-gone", dir); err != nil {
		t.Fatal(err)
	}
	if e := p.tellOne(t); e.Type != "ravn.document.cancelled" || e.Data.Status != "cancelled" || e.Data.Problem != nil {
		t.Errorf("event %+v", e)
	}
	quiet := openPlanned(t)
	quiet.answer = status(413)
	quiet.attempt(t)
	if n := len(quiet.news(t)); n != 0 || quiet.teller != nil {
		t.Errorf("nobody is told, and there are %d events", n)
	}
}

// lastEvent is the id of the last event of the message.
func (p *planned) lastEvent(t *testing.T) string {
	t.Helper()
	list, err := p.Store.Timeline(t.Context(), db.DefaultTenant, p.id)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(list[len(list)-1].Seq)
	return p.id + store.EventMark + string(b)
}

// OPS-009: a running server tells of a document that was sent.
func TestOPS009ServeTells(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNodeWith(t, dir, "POP900001", "notify:\n  folder: news\n"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	m, job := from.taken(t)
	if _, err := from.Attempt(t.Context(), m, job, as4.Peer{URL: to.URL(), Cert: to.peer().Cert}); err != nil {
		t.Fatal(err)
	}
	pattern := filepath.Join(from.Config.Path(from.Config.Notify.Folder), m.ID+".*.json")
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		files, err := filepath.Glob(pattern)
		if err != nil || time.Now().After(end) {
			t.Fatalf("C1 is not told: %v", err)
		}
		if len(files) == 0 {
			continue
		}
		text, err := os.ReadFile(files[0])
		if err != nil || !strings.Contains(string(text), `"ravn.document.sent"`) {
			t.Errorf("%s, %v", text, err)
		}
		return
	}
}
