package node

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/alert"
	"github.com/ravn-ap/ravn/internal/backend"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
)

// withRoutes writes the files of a node with two backends, erp and rest, and these routes.
func withRoutes(t *testing.T, pki, seat, routes string) string {
	t.Helper()
	file := nodeFile(t, pki, seat, "backends:\n- {name: erp, kind: folder, folder: erp}\n"+
		"- {name: rest, kind: folder, folder: rest}\nroutes:\n"+routes)
	rewrite(t, file, "deliver:\n  folder: inbox\n", "")
	return file
}

// await waits until the message that came as messageID is in a state with a code, and returns it.
func (n *tested) awaitState(t *testing.T, messageID string, state store.State, code string) (m store.Message) {
	t.Helper()
	for range 1000 {
		list, err := n.Store.ByMessageID(t.Context(), db.DefaultTenant, store.In, messageID)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 && list[0].State == state && list[0].FaultCode == code {
			return list[0]
		}
		if len(list) == 1 {
			m = list[0]
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the message is %s, %q, want %s, %q", m.State, m.FaultCode, state, code)
	return m
}

// OPS-002, OPS-003: a document goes where the first route that matches leads, with the name of the route.
func TestOPS002RoutesLead(t *testing.T) {
	_, pki := testPKI(t)
	from := newNode(t, pki, "POP900001")
	to := runNode(t, withRoutes(t, pki, "POP900002", "- {name: orders, match: {document_type: '*::Order##*'}, "+
		"to: rest}\n"+
		"- {name: invoices, match: {receiver: '"+c4+"', document_type: '*::Invoice##*', c2: POP900001}, to: erp}\n"+
		"- {name: all, match: {}, to: rest}\n"))
	to.serve(t, c4, billing, process)
	if _, err := from.postEnvelope(t, to.peer(), "m1@a.example", "1"); err != nil {
		t.Fatal(err)
	}
	m := to.awaitState(t, "m1@a.example", store.Delivered, "")
	text, err := os.ReadFile(filepath.Join(to.Config.Path("erp"), m.ID, "metadata.json"))
	if err != nil || !strings.Contains(string(text), `"route": "invoices"`) {
		t.Errorf("%s, %v", text, err)
	}
	if others := entries(t, to.Config.Path("rest")); len(others) != 0 {
		t.Errorf("in the other backend: %v", others)
	}
	attempts, err := to.Store.Attempts(t.Context(), db.DefaultTenant, m.ID)
	if err != nil || len(attempts) != 1 || attempts[0].Endpoint != "erp" {
		t.Errorf("attempts %+v, %v", attempts, err)
	}
}

// OPS-002, OPS-003: a message without a route has its receipt and waits, with an alert; a reload with a route for it
// delivers it at once.
func TestOPS003ARouteThatComesLater(t *testing.T) {
	_, pki := testPKI(t)
	from := newNode(t, pki, "POP900001")
	to := runNode(t, withRoutes(t, pki, "POP900002", "- {name: others, match: {receiver: '0192:991825827'}, "+
		"to: rest}\n"))
	to.serve(t, c4, billing, process)
	if _, err := from.postEnvelope(t, to.peer(), ebms.MessageID("m1@a.example"), "1"); err != nil {
		t.Fatal(err)
	}
	m := to.awaitState(t, "m1@a.example", store.Accepted, "RAVN-3106")
	job, err := to.Store.JobOf(t.Context(), db.DefaultTenant, store.Deliver, m.ID)
	if wait := time.Until(job.Due); err != nil || job.Unended != 0 || job.Spent != 0 || wait < 30*time.Second {
		t.Errorf("job %+v, %v", job, err)
	}
	f := &alert.Facts{}
	if err := to.recordFacts(t.Context(), f); err != nil || len(f.Unrouted) != 1 ||
		f.Unrouted[0] != (alert.Stuck{Tenant: db.DefaultTenant, ID: m.ID, Documents: 1}) {
		t.Errorf("facts %+v, %v", f.Unrouted, err)
	}
	rewrite(t, to.Config.Path("ravn.yaml"), "0192:991825827", c4)
	next := to.reload(t)
	to.awaitState(t, "m1@a.example", store.Delivered, "")
	if got := entries(t, to.Config.Path("rest")); len(got) != 1 || got[0].Name() != m.ID {
		t.Errorf("delivered %v", got)
	}
	f = &alert.Facts{}
	if err := next.recordFacts(t.Context(), f); err != nil || len(f.Unrouted) != 0 {
		t.Errorf("facts %+v, %v", f.Unrouted, err)
	}
	attempts, err := to.Store.Attempts(t.Context(), db.DefaultTenant, m.ID)
	if err != nil || len(attempts) != 1 || attempts[0].Endpoint != "rest" {
		t.Errorf("attempts %+v, %v", attempts, err)
	}
}

// OPS-003: what waits for its next attempt goes where the routes lead then, not where they led at acceptance.
func TestOPS003RoutesOfTheAttempt(t *testing.T) {
	_, pki := testPKI(t)
	n := openIdle(t, withRoutes(t, pki, "POP900002", "- {name: all, match: {}, to: erp}\n"),
		zerolog.Nop())
	m, _ := received(t, n)
	if err := os.Remove(n.targets["erp"].Dir); err != nil {
		t.Fatal(err)
	}
	if state, _ := tryDelivery(t, n, m); state != store.DeliveryFailed {
		t.Fatal(state)
	}
	rewrite(t, n.Config.Path("ravn.yaml"), "to: erp", "to: rest")
	cfg, err := config.Load(n.Config.Path("ravn.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	n.routes = cfg.RouteTable()
	if state, _ := tryDelivery(t, n, m); state != store.Delivered {
		t.Error(state)
	}
	if got := entries(t, n.targets["rest"].Dir); len(got) != 1 || got[0].Name() != m.ID {
		t.Errorf("delivered %v", got)
	}
}

// OPS-003: documents that wait for a backend which takes nothing go to another one as soon as their route leads there:
// they do not wait until the first one is looked at again.
func TestOPS003AwayFromADeadBackend(t *testing.T) {
	_, pki := testPKI(t)
	n := openIdle(t, withRoutes(t, pki, "POP900002", "- {name: all, match: {}, to: erp}\n"), zerolog.Nop())
	for range 5 {
		n.places.Report("erp", false, time.Second)
	}
	claim := func() []store.Job {
		c := store.Claim{Kind: store.Deliver, Owner: "test", Lease: time.Hour, Limit: 10}
		list, err := n.places.Claim(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	m, _ := received(t, n)
	for _, job := range claim() { // its backend is not known yet
		if out := n.Inbound.Forward(t.Context(), job); out != queue.AlreadyEnded() {
			t.Errorf("%+v", out)
		}
	}
	if list := claim(); len(list) > 0 {
		t.Fatalf("claimed for a backend that is left alone: %+v", list)
	}
	rewrite(t, n.Config.Path("ravn.yaml"), "to: erp", "to: rest")
	cfg, err := config.Load(n.Config.Path("ravn.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	n.routes = cfg.RouteTable()
	if err := n.rerouteAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	list := claim()
	if len(list) != 1 || list[0].Lane != "rest" || list[0].Spent != 0 {
		t.Fatalf("%+v", list)
	}
	n.Inbound.Forward(t.Context(), list[0])
	if m, err := n.Store.Get(t.Context(), m.Tenant, m.ID); err != nil || m.State != store.Delivered {
		t.Errorf("%s, %v", m.State, err)
	}
}

// OPS-002: config check --connect names who is served and could not be delivered to, and what no document reaches.
func TestOPS002CheckRemarks(t *testing.T) {
	_, pki := testPKI(t)
	n := openIdle(t, withRoutes(t, pki, "POP900002", "- {name: a, match: {document_type: '*::Order##*'}, to: erp}\n"+
		"- {name: b, match: {receiver: '"+c1+"', sender: '0192:*'}, to: rest}\n"+
		"- {name: c, match: {receiver: '"+c1+"', sender: '0192:1'}, to: rest}\n"), zerolog.Nop())
	both := &tested{Node: n}
	both.serve(t, c4, billing, process)
	both.serve(t, c1, billing, process)
	both.serve(t, c4, strings.Replace(billing, "Invoice-2::Invoice", "Order-2::Order", 1), process)
	remarks, err := Check(t.Context(), n.Config, CheckOptions{Now: time.Now(), Connect: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range remarks {
		if strings.HasPrefix(r, "routes") || strings.HasPrefix(r, "backends") {
			got = append(got, r)
		}
	}
	if len(got) != 2 || !strings.Contains(got[1], "routes[2]") || !strings.Contains(got[1], "routes[1] (line ") ||
		!strings.Contains(got[0], "tenant default, "+c4+": no route can match a document of type "+billing) {
		t.Errorf("%q", got)
	}
}

// OPS-122: only a server that starts makes the folders of backends. A command, and a delivery, leave alone what may be
// the folder of a disk that is not mounted.
func TestOPS122OnlyTheStartMakesFolders(t *testing.T) {
	_, pki := testPKI(t)
	file := withRoutes(t, pki, "POP900002", "- {name: all, match: {}, to: erp}\n- {name: none, match: {}, to: rest}\n")
	n := openIdle(t, file, zerolog.Nop())
	dir := n.targets["erp"].Dir
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o750 {
		t.Fatal(info.Mode(), err)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	m, _ := received(t, n)
	if state, _ := tryDelivery(t, n, m); state != store.DeliveryFailed {
		t.Error(state)
	}
	command, err := Open(t.Context(), n.Config, Options{Log: zerolog.Nop(), Command: true})
	if err != nil {
		t.Fatal(err)
	}
	d, err := OpenData(t.Context(), n.Config)
	if err := errors.Join(err, command.Close()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Store.Close(), n.sweepTargets(time.Now())); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is there again: %v", err)
	}
}

// OPS-007: a check that connects tries each backend, and leaves nothing there; one that does not touches none. What
// fails is named with its place.
func TestOPS007CheckConnects(t *testing.T) {
	_, pki := testPKI(t)
	file := withRoutes(t, pki, "POP900002", "- {name: all, match: {}, to: erp}\n- {name: none, match: {}, to: rest}\n")
	n := openIdle(t, file, zerolog.Nop())
	long := time.Now().Add(-time.Hour)
	touched := func() (list []bool) {
		for _, name := range []string{"erp", "rest"} {
			info, err := os.Stat(n.targets[name].Dir)
			left, lerr := os.ReadDir(n.targets[name].Dir)
			if err := errors.Join(err, lerr, os.Chtimes(n.targets[name].Dir, long, long)); err != nil || len(left) > 0 {
				t.Fatal(left, err)
			}
			list = append(list, !info.ModTime().Equal(long))
		}
		return list
	}
	touched()
	for _, connect := range []bool{false, true} {
		if _, err := Check(t.Context(), n.Config, CheckOptions{Now: time.Now(), Connect: connect}); err != nil {
			t.Fatal(err)
		}
		if got := touched(); !slices.Equal(got, []bool{connect, connect}) {
			t.Errorf("connect %t: the folders were touched: %v", connect, got)
		}
	}
	rewrite(t, file, "folder: rest", "folder: /proc/self/task") // in which nobody can make a file
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Check(t.Context(), cfg, CheckOptions{Now: time.Now(), Connect: true})
	if err == nil || !strings.Contains(err.Error(), "backends[1].folder") {
		t.Errorf("%v", err)
	}
}

// OPS-010: what the configuration allows is what folders know.
func TestOPS010NamesAgree(t *testing.T) {
	var layouts []string
	for _, l := range backend.Layouts {
		layouts = append(layouts, string(l))
	}
	if !slices.Equal(layouts, config.Layouts()) || !slices.Equal(backend.Placeholders(), config.Placeholders()) {
		t.Errorf("backend has %q, %q", layouts, backend.Placeholders())
	}
}

// OPS-010: a node delivers in the layout of its backend, with the receipt that C2 got.
func TestOPS010NodeDelivers(t *testing.T) {
	_, pki := testPKI(t)
	file := withRoutes(t, pki, "POP900002", "- {name: all, match: {}, to: erp}\n")
	rewrite(t, file, "folder: erp", "folder: erp, layout: oxalis, mode: 0600")
	n := openIdle(t, file, zerolog.Nop())
	m, _ := received(t, n)
	if _, err := n.Store.Repeat(t.Context(), db.DefaultTenant, m.ID, []byte("digests"), []store.Evidence{
		{Kind: store.EvidenceReceipt, Bytes: []byte("that of a repeat")},
	}); err != nil {
		t.Fatal(err)
	}
	if state, _ := tryDelivery(t, n, m); state != store.Delivered {
		t.Fatal(state)
	}
	var got []string
	err := filepath.WalkDir(n.targets["erp"].Dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			var info os.FileInfo
			info, err = e.Info()
			got = append(got, filepath.Base(path)+" "+info.Mode().String())
		}
		return err
	})
	want := []string{m.ID + ".doc.xml -rw-------", m.ID + ".receipt.dat -rw-------"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	receipts, err := filepath.Glob(filepath.Join(n.targets["erp"].Dir, "*", "*", "*.dat"))
	if err != nil || len(receipts) != 1 {
		t.Fatal(receipts, err)
	}
	if text, err := os.ReadFile(receipts[0]); err != nil || string(text) != "r" {
		t.Errorf("the receipt is %q, %v", text, err)
	}
}
