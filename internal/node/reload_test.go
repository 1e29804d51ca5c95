package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/queue"
	"github.com/ravn-ap/ravn/internal/store"
)

// reload reads the configuration of a node again and puts it in force.
func (n *tested) reload(t *testing.T) *Node { return n.reloadAt(t, zerolog.WarnLevel) }

func (n *tested) reloadAt(t *testing.T, level zerolog.Level) *Node {
	t.Helper()
	next, _, err := n.reloadedAt(t, level)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func (n *tested) reloaded(t *testing.T) (next *Node, kept []string, err error) {
	return n.reloadedAt(t, zerolog.WarnLevel)
}

func (n *tested) reloadedAt(t *testing.T, level zerolog.Level) (next *Node, kept []string, err error) {
	t.Helper()
	cfg, err := config.Load(n.Config.Path("ravn.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return n.Reload(cfg, zerolog.New(n.Log).Level(level))
}

// reloads are the audit rows of a node's reloads.
func (n *tested) reloads(t *testing.T) (details []string) {
	t.Helper()
	rows, err := n.Store.Audits(t.Context(), db.DefaultTenant, time.Time{}, time.Time{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Action == reloadedAction {
			details = append(details, r.Detail)
		}
	}
	return details
}

// Messages that arrive while the configuration is reloaded again and again all get their receipt, and each is delivered
// once.
func TestOPS122ReloadUnderTraffic(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	peer := to.peer()
	const messages = 30
	sent := make(chan error, 1)
	go func() {
		for i := range messages {
			id := ebms.MessageID(fmt.Sprintf("m%d@a.example", i))
			if _, err := from.postEnvelope(t, peer, id, fmt.Sprint("instance ", i)); err != nil {
				sent <- fmt.Errorf("message %d: %w", i, err)
				return
			}
		}
		sent <- nil
	}()
	file := to.Config.Path("ravn.yaml")
	rewrite(t, file, "as4:\n", "as4:\n  in_flight: 1\n")
	reloads, err := 0, error(nil)
	for done := false; !done; {
		select {
		case err = <-sent:
			done = true
		default:
			rewrite(t, file, fmt.Sprintf("in_flight: %d\n", 1+reloads), fmt.Sprintf("in_flight: %d\n", 2+reloads))
			to.reload(t)
			reloads++
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	got := to.inbox(t, messages)
	for i := range messages {
		if _, ok := got[fmt.Sprintf("m%d@a.example", i)]; !ok {
			t.Errorf("message %d was not delivered", i)
		}
	}
	if folders := entries(t, to.Config.Path(to.Config.Deliver.Folder)); len(folders) != messages {
		t.Errorf("%d documents in the inbox, want %d", len(folders), messages)
	}
	audited := to.reloads(t)
	if want := fmt.Sprintf("as4.in_flight=%d", 1+reloads); len(audited) != reloads || audited[reloads-1] != want {
		t.Errorf("audit of %d reloads ends with %q, want %q", len(audited), audited[len(audited)-1], want)
	}
}

// A connection that is open stays open, and its next request is answered by the new configuration.
func TestOPS122ConnectionOutlivesReload(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), talkative(t, dir, "POP900002", "  in_flight: 1\n", nil)
	to.serve(t, c4, billing, process)
	peer := to.peer()
	for i := range 2 {
		id := ebms.MessageID(fmt.Sprintf("m%d@a.example", i))
		if _, err := from.postEnvelope(t, peer, id, "instance"); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			rewrite(t, to.Config.Path("ravn.yaml"), "host: ", "host: new-")
			to.reloadAt(t, zerolog.DebugLevel)
		}
	}
	got := to.await(t, "received", 2)
	if got[0]["remote"] == "" || got[0]["remote"] != got[1]["remote"] {
		t.Errorf("from %v before, from %v after the reload", got[0]["remote"], got[1]["remote"])
	}
	for i, want := range []bool{false, true} {
		m, err := to.Store.ByMessageID(t.Context(), db.DefaultTenant, store.In, fmt.Sprintf("m%d@a.example", i))
		if err != nil || len(m) != 1 {
			t.Fatal(len(m), err)
		}
		e, err := to.Store.Evidence(t.Context(), db.DefaultTenant, m[0].ID, store.EvidenceReceipt)
		if err != nil || strings.Contains(string(e.Bytes), "@new-") != want {
			t.Errorf("receipt %d is by the new configuration: want %t: %v", i, want, err)
		}
	}
}

// A wrong configuration changes nothing, and everything that is wrong with it is said.
func TestOPS122WrongConfigurationIsRefused(t *testing.T) {
	_, dir := testPKI(t)
	n := newNode(t, dir, "POP900001")
	file := n.Config.Path("ravn.yaml")
	rewrite(t, file, "  key: key.pem\n", "  key: missing.pem\n")
	rewrite(t, file, "as4:\n", "as4:\n  in_flight: 100000\n  path: elsewhere\n")
	_, _, err := n.reloaded(t)
	for _, want := range []string{"keys[0]", "as4.in_flight", "as4.path"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in: %v", want, err)
		}
	}
	if code(err) == "" || len(n.reloads(t)) != 0 {
		t.Errorf("code %q, audited: %v", code(err), n.reloads(t))
	}
	if n.succession.node != n.Node {
		t.Error("another node serves")
	}
	if status := n.post(t, "/as4"); status != 400 {
		t.Errorf("the old path answers %d", status)
	}
}

// What needs a restart is named, keeps its value, and does not stand in the way of the rest.
func TestOPS122WhatNeedsARestart(t *testing.T) {
	_, dir := testPKI(t)
	n := newNode(t, dir, "POP900001")
	file := n.Config.Path("ravn.yaml")
	rewrite(t, file, "data: data\n", "data: other\n")
	rewrite(t, file, "host: ", "host: new-")
	next, kept, err := n.reloaded(t)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(kept, []string{"data"}) || next.Config.Data != "data" {
		t.Errorf("kept %v, data is %s", kept, next.Config.Data)
	}
	if want := "host=" + next.Config.Host; !strings.HasPrefix(next.Config.Host, "new-") ||
		!slices.Equal(n.reloads(t), []string{want}) {
		t.Errorf("host %s, audit %q", next.Config.Host, n.reloads(t))
	}
}

// CP-S10: a new key signs from the reload on, and what was sealed for the old one is still opened.
func TestOPS122NewKey(t *testing.T) {
	p, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	to.serve(t, c4, billing, process)
	old := to.peer()
	keyBeside(t, p, to.Config.Path("ravn.yaml"),
		localca.Leaf{CN: "POP900002", NotBefore: time.Now().Add(-time.Minute)})
	next := to.reload(t)
	fresh, err := next.Keys.Current("POP900002", time.Now())
	if err != nil || fresh.Cert.Equal(old.Cert) {
		t.Fatalf("the old key still signs: %v", err)
	}
	ev, err := from.postEnvelope(t, old, "m@a.example", "instance")
	if err != nil {
		t.Fatal(err)
	}
	if certs.Fingerprint(ev.Signer) != certs.Fingerprint(fresh.Cert) {
		t.Error("the old key signed the receipt")
	}
	to.inbox(t, 1)
}

// A server that does not run is not reloaded.
func TestOPS122ReloadOfNoServer(t *testing.T) {
	_, dir := testPKI(t)
	n := newNode(t, dir, "POP900001")
	n.stop()
	if err := <-n.done; err != nil {
		t.Fatal(err)
	}
	n.done <- nil // for the end of the test
	if _, _, err := n.reloaded(t); err != ErrNotServing {
		t.Errorf("got %v", err)
	}
}

// What outlives a reload logs as the new configuration says, and what the old node has under way may finish until the
// server ends.
func TestOPS122WhatOutlivesAReload(t *testing.T) {
	_, dir := testPKI(t)
	n := newNode(t, dir, "POP900001")
	rewrite(t, n.Config.Path("ravn.yaml"), "host: ", "notify:\n  folder: news\nhost: ")
	cfg, err := config.Load(n.Config.Path("ravn.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	log := &logged{}
	next, _, err := n.Reload(cfg, zerolog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	ending := n.succession.ctx.Done()
	for _, r := range []*queue.Runner{n.runner, n.sender, next.runner, next.sender, next.teller} {
		if r.Ending != ending {
			t.Errorf("%v: work is cut off at a reload", r.Work)
		}
	}
	if _, err := (httpLog{n.Node}).Write([]byte("http: TLS handshake error from 192.0.2.1:1: no\n")); err != nil {
		t.Fatal(err)
	}
	n.gate.Closed(intake.Closing{Why: &intake.Error{Kind: intake.Connections}})
	n.end(t)
	for _, text := range []string{"tls handshake failed", "connection closed", "stopping"} {
		if here, there := len(log.lines(t, text)), len(n.Log.lines(t, text)); here != 1 || there != 0 {
			t.Errorf("%q stands %d times in the new log, %d times in the old one", text, here, there)
		}
	}
}
