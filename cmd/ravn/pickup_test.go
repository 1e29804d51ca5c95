package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/setup"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/testbed"
	"github.com/ravn-ap/ravn/testbed/sml"
	"github.com/ravn-ap/ravn/testbed/smp"
)

// pair is a sender with a pick-up folder and a receiver that it finds by SML and SMP: two configurations for processes
// that a test starts and kills. The receiver always listens on the same address.
type pair struct {
	*testing.T
	from, to string // configurations
	folder   string // the pick-up folder
	listen   string // of the receiver
}

const pairZone = "sml.ravn.test"

func newPair(t *testing.T, settle string) *pair {
	t.Helper()
	ca, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := &pair{T: t, listen: steadyAddress(t), folder: filepath.Join(dir, "out")}
	register := p.saveCerts(ca, dir)
	network, err := sml.New(pairZone, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = network.Close() })
	t.Cleanup(func() { _ = register.Close() })
	p.from = p.configure(dir, "POP900001", network.Addr(), "send:\n  retry: ["+strings.Repeat("1s, ", 49)+"1s]\n"+
		"submit:\n  folders:\n  - folder: "+p.folder+"\n    scan: 100ms\n    settle: "+settle+"\n    defaults:\n"+
		"      sender: "+testbed.Sender+"\n      receiver: "+testbed.Receiver+"\n")
	p.to = p.configure(dir, "POP900002", network.Addr(), "")
	if err := serveDemo(t.Context(), p.to); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "POP900002", "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := certs.ParsePEM(text)
	if err != nil {
		t.Fatal(err)
	}
	who, err := peppol.ParseParticipant(testbed.Receiver)
	doc, derr := peppol.ParseDocType(testbed.DocType)
	proc, perr := peppol.ParseProcess(testbed.Process)
	if err := errors.Join(err, derr, perr); err != nil {
		t.Fatal(err)
	}
	register.Register(smp.Service{
		Participant: who, DocType: doc, Process: proc, URL: "https://" + p.listen + "/as4", Cert: list[0],
	})
	network.Register(who, register.URL())
	return p
}

// steadyAddress is an address that a process can have again and again: its port is none of those that the system gives
// to outgoing connections.
func steadyAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12_000+rand.IntN(20_000)))
		if err == nil {
			_ = l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// saveCerts writes the CAs and the TLS certificate of all servers, and starts an SMP with them.
func (p *pair) saveCerts(ca *localca.PKI, dir string) *smp.Server {
	p.Helper()
	now := time.Now()
	tls, err := ca.TLS.Issue(localca.Leaf{CN: "127.0.0.1", DNS: []string{"127.0.0.1", "localhost"}}, now)
	if err != nil {
		p.Fatal(err)
	}
	key, err := localca.EncodeKey(tls.Key)
	if err != nil {
		p.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"tls.pem": localca.EncodeCerts(tls.Cert), "tls.key": key, "tls-ca.pem": localca.EncodeCerts(ca.TLS.Cert),
		"ap-ca.pem":  localca.EncodeCerts(ca.AP.Cert, ca.Root.Cert),
		"smp-ca.pem": localca.EncodeCerts(ca.SMP.Cert, ca.Root.Cert),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			p.Fatal(err)
		}
	}
	if err := ca.Save(filepath.Join(dir, "pki")); err != nil {
		p.Fatal(err)
	}
	signer, err := ca.SMP.Issue(localca.Leaf{CN: "POP900003", Unit: "PEPPOL TEST SMP"}, now)
	if err != nil {
		p.Fatal(err)
	}
	s, err := smp.New(smp.Options{Signer: signer, TLS: tls})
	if err != nil {
		p.Fatal(err)
	}
	return s
}

// configure writes the configuration of a node, with more at its end.
func (p *pair) configure(dir, seat, resolver, more string) string {
	p.Helper()
	at := func(name string) string { return filepath.Join(dir, name) }
	w, err := setup.Write(setup.Node{
		Dir: at(seat), Environment: certs.Local, Listen: "127.0.0.1:0", Host: "localhost", Country: "NO",
		Seat: seat, PKI: at("pki"), APAnchors: at("ap-ca.pem"), SMPAnchors: at("smp-ca.pem"),
		TLSRoots: at("tls-ca.pem"), TLSCert: at("tls.pem"), TLSKey: at("tls.key"), Zone: pairZone, Resolver: resolver,
	})
	if err != nil {
		p.Fatal(err)
	}
	f, err := os.OpenFile(w.Config, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(more)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		p.Fatal(err)
	}
	return w.Config
}

// receiver starts the receiver.
func (p *pair) receiver() *server {
	return serveProcess(p.T, p.to, "RAVN_AS4_LISTEN="+p.listen, "RAVN_DELIVER_LEASE=2s")
}

// invoice is an invoice with a number of its own.
func invoiceNumber(id string) []byte {
	return bytes.Replace(testbed.Invoice, []byte("<cbc:ID>DEMO-1"), []byte("<cbc:ID>"+id), 1)
}

// put makes a whole document appear in the pick-up folder, as a program does that writes it elsewhere first.
func (p *pair) put(name string, text []byte) {
	p.Helper()
	tmp := filepath.Join(p.folder, "."+name)
	err := os.WriteFile(tmp, text, 0o600)
	if err == nil {
		err = os.Rename(tmp, filepath.Join(p.folder, name))
	}
	if err != nil {
		p.Fatal(err)
	}
}

// names lists a part of the pick-up folder, "." for itself, without hidden files and folders.
func (p *pair) names(part string) (names []string) {
	p.Helper()
	entries, err := os.ReadDir(filepath.Join(p.folder, part))
	if err != nil {
		p.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

// drained waits until nothing is left in the folder and in pending.
func (p *pair) drained(limit time.Duration) {
	p.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		left := append(p.names("."), p.names("pending")...)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("still there: %q; failed %q; on record:\n%s", left, p.names("failed"), p.stuck())
		}
	}
}

// stuck says of the messages that have not been sent what they wait for.
func (p *pair) stuck() string {
	var b strings.Builder
	s := openStore(p.T, p.from)
	jobs, err := s.Jobs(p.Context(), db.DefaultTenant, store.JobFilter{Kind: store.Send, Limit: 20})
	dead, derr := s.Jobs(p.Context(), db.DefaultTenant, store.JobFilter{Kind: store.Send, Dead: true, Limit: 20})
	jobs, err = append(jobs, dead...), errors.Join(err, derr)
	for _, j := range jobs {
		m, merr := s.Get(p.Context(), db.DefaultTenant, j.MessageID)
		events, eerr := s.Timeline(p.Context(), db.DefaultTenant, j.MessageID)
		err = errors.Join(err, merr, eerr)
		fmt.Fprintf(&b, "%s %s of %s, due %s, held by %q until %s\n", m.ID, m.State, m.Created, j.Due, j.Owner,
			j.LeaseEnd)
		for _, e := range events[max(0, len(events)-4):] {
			fmt.Fprintf(&b, "  %s %s %s→%s %s\n", e.At, e.Kind, e.From, e.To, e.Detail)
		}
	}
	fmt.Fprintf(&b, "%v", err)
	return b.String()
}

// outcome is what is written beside a document that is over.
type outcome struct {
	Success       bool
	SourceFile    string `json:"sourceFile"`
	TransactionID string `json:"transactionID"`
	ID, Status    string
}

// exactlyOnce checks the record and the folders of both sides after all is over, for documents that were put into the
// folder by these names with this content (reliability.md §7.1, I1 to I4 and I7): each is one message, sent, and in
// done with its receipt; C4 has each message once, with the bytes that were sent, and nothing else.
func (p *pair) exactlyOnce(put map[string][]byte) {
	p.Helper()
	from := openStore(p.T, p.from)
	sent := p.sentMessages(from)
	if len(sent) != len(put) {
		p.Errorf("%d messages of %d documents", len(sent), len(put))
	}
	ids := map[string]bool{}
	for name, text := range put {
		out := p.outcome(name)
		m, ok := sent[out.ID]
		if !ok || !out.Success || out.SourceFile != name || out.TransactionID != m.MessageID || ids[out.ID] {
			p.Errorf("%s: outcome %+v, on record %v", name, out, m.State)
		}
		ids[out.ID] = true
		doc, err := os.ReadFile(filepath.Join(p.folder, "done", name))
		if sum := sha256.Sum256(text); err != nil || !bytes.Equal(doc, text) || !bytes.Equal(m.HandedIn, sum[:]) {
			p.Errorf("%s: another document is in done or was handed in, %v", name, err)
		}
		receipt, err := os.ReadFile(filepath.Join(p.folder, "done", name+".receipt.xml"))
		kept, kerr := from.Evidence(p.Context(), db.DefaultTenant, m.ID, store.EvidenceReceipt)
		if err := errors.Join(err, kerr); err != nil || !bytes.Equal(receipt, kept.Bytes) || len(receipt) == 0 {
			p.Errorf("%s: receipt of %d bytes, on record %d, %v", name, len(receipt), len(kept.Bytes), err)
		}
	}
	p.deliveredOnce(sent)
}

func (p *pair) outcome(name string) (out outcome) {
	p.Helper()
	text, err := os.ReadFile(filepath.Join(p.folder, "done", name+".json"))
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		p.Errorf("%s: %v", name, err)
	}
	return out
}

// sentMessages are all messages of the sender by id. Each is sent, and no MessageId stands there twice.
func (p *pair) sentMessages(from *store.Store) map[string]store.Message {
	p.Helper()
	sent, messageIDs := map[string]store.Message{}, map[string]bool{}
	for f := (store.Filter{Direction: store.Out}); ; {
		page, err := from.List(p.Context(), db.DefaultTenant, f)
		if err != nil {
			p.Fatal(err)
		}
		for _, m := range page.Found {
			if m.State != store.Sent || !m.Reached || messageIDs[m.MessageID] {
				p.Errorf("%s is %s, reached %t", m.MessageID, m.State, m.Reached)
			}
			sent[m.ID], messageIDs[m.MessageID] = m.Message, true
		}
		if f.Before = page.Next; page.Next == nil {
			return sent
		}
	}
}

// deliveredOnce checks that C4 has each of the messages once, and that the receiver has nothing else on record.
func (p *pair) deliveredOnce(sent map[string]store.Message) {
	p.Helper()
	got := map[string]int{}
	inbox := filepath.Join(filepath.Dir(p.to), "inbox")
	byID := map[string]store.Message{}
	for _, m := range sent {
		byID[m.MessageID] = m
	}
	for _, name := range delivered(p.T, p.to, len(sent)) {
		var meta struct {
			MessageID string `json:"message_id"`
		}
		text, err := os.ReadFile(filepath.Join(inbox, name, "metadata.json"))
		if err == nil {
			err = json.Unmarshal(text, &meta)
		}
		if err != nil {
			p.Fatal(err)
		}
		if got[meta.MessageID]++; got[meta.MessageID] == 1 {
			isWhole(p.T, filepath.Join(inbox, name), byID[meta.MessageID])
		}
	}
	for id := range byID {
		if got[id] != 1 {
			p.Errorf("%s was delivered %d times", id, got[id])
		}
	}
	if len(got) != len(byID) {
		p.Errorf("delivered: %q, sent %q", slices.Collect(maps.Keys(got)), slices.Collect(maps.Keys(byID)))
	}
	counts, err := openStore(p.T, p.to).Counts(p.Context(), db.DefaultTenant)
	if err != nil {
		p.Fatal(err)
	}
	for _, c := range counts {
		if c.Direction != store.In || c.State != store.Delivered || c.Messages != int64(len(byID)) {
			p.Errorf("the receiver has %d messages %s, want %d delivered", c.Messages, c.State, len(byID))
		}
	}
}

// T-OPS-2, OPS-041, CP-S1, CP-S2: the sender is killed at each step of a document's way from the pick-up folder, and
// started again. The document is sent once, with its side file, and nothing is left behind.
func TestOPS041CrashPointsOfPickup(t *testing.T) {
	t.Parallel()
	p := newPair(t, "100ms")
	p.receiver()
	put := map[string][]byte{}
	for i, point := range []string{
		"pickup.side", "pickup.taken", "pickup.noted", "pickup.noted>db.before_commit", "pickup.noted>db.committed",
		"pickup.handed_in", "pickup.decided", "pickup.linked", "pickup.moved", "pickup.receipt", "pickup.outcome",
	} {
		s := serveProcess(t, p.from, "RAVN_FAILPOINT="+point)
		name := fmt.Sprintf("a%d", i)
		put[name+".xml"] = invoiceNumber(name)
		p.put(name+".json", []byte(`{"conversation_id": "of-the-side-file"}`))
		p.put(name+".xml", put[name+".xml"])
		select {
		case <-s.done:
		case <-time.After(30 * time.Second):
			t.Fatalf("the sender passed %s without dying", point)
		}
		s = serveProcess(t, p.from)
		p.drained(time.Minute)
		s.kill()
		doc := name + ".xml"
		want := []string{doc, doc + ".json", doc + ".metadata.json", doc + ".receipt.xml"}
		got := slices.DeleteFunc(p.names("done"), func(n string) bool { return !strings.HasPrefix(n, name+".") })
		if !slices.Equal(got, want) || len(p.names("failed")) > 0 {
			t.Errorf("%s: done %q, failed %q", point, got, p.names("failed"))
		}
	}
	p.exactlyOnce(put)
	for _, m := range p.sentMessages(openStore(t, p.from)) {
		if m.ConversationID != "of-the-side-file" {
			t.Errorf("sent without what the side file says: %s", m.ConversationID)
		}
	}
}

// CP-S3, CP-S4, CP-S7, CP-S8: the sender is killed before and after each commit that follows a document from the
// pick-up folder: of its claim, its attempt, its receipt. It is sent once, under one MessageId.
func TestCrashPointsOfSender(t *testing.T) {
	t.Parallel()
	p := newPair(t, "100ms")
	p.receiver()
	put := map[string][]byte{}
	for i := range 8 {
		point := "pickup.noted" + strings.Repeat(">db.before_commit>db.committed", i/2) + ">db.before_commit"
		if i%2 == 1 {
			point += ">db.committed"
		}
		s := serveProcess(t, p.from, "RAVN_FAILPOINT="+point)
		name := fmt.Sprintf("s%d.xml", i)
		put[name] = invoiceNumber(name)
		p.put(name, put[name])
		select {
		case <-s.done:
		case <-time.After(30 * time.Second):
			t.Fatalf("the sender passed %s without dying", point)
		}
		s = serveProcess(t, p.from)
		p.drained(time.Minute)
		s.kill()
	}
	p.exactlyOnce(put)
}

// T-OPS-2, OPS-041: two nodes take documents from one folder, one of them is killed on the way, and each document is
// sent once. Some are still being written when they are seen first.
func TestOPS041TwoNodesOnOneFolder(t *testing.T) {
	t.Parallel()
	p := newPair(t, "1s") // far longer than write takes between two parts
	p.receiver()
	first, second := serveProcess(t, p.from), serveProcess(t, p.from)
	put := map[string][]byte{}
	for i := range 30 {
		name := fmt.Sprintf("%02d.xml", i)
		put[name] = invoiceNumber(fmt.Sprintf("B-%d", i))
		if i%3 > 0 {
			p.put(name, put[name])
			continue
		}
		p.write(name, put[name])
		if i == 15 {
			first.kill()
			first = serveProcess(t, p.from)
		}
	}
	second.kill()
	third := serveProcess(t, p.from) // whose start gives back what the dead one had under way
	p.drained(time.Minute)
	first.kill()
	third.kill()
	p.exactlyOnce(put)
}

// write writes a document into the folder in two parts, of which the second comes after a scan.
func (p *pair) write(name string, text []byte) {
	p.Helper()
	f, err := os.Create(filepath.Join(p.folder, name))
	if err != nil {
		p.Fatal(err)
	}
	_, err = f.Write(text[:len(text)/2])
	time.Sleep(50 * time.Millisecond) // long enough to be seen half written
	_, werr := f.Write(text[len(text)/2:])
	if err := errors.Join(err, werr, f.Close()); err != nil {
		p.Fatal(err)
	}
}

// OPS-041: what cannot be sent goes to failed with its code and what to do, and keeps nothing else from being sent. The
// log names neither participants nor documents.
func TestOPS041BadInput(t *testing.T) {
	t.Parallel()
	p := newPair(t, "100ms")
	p.receiver()
	s := serveProcess(t, p.from, "RAVN_AS4_MAX_EXPANDED_BYTES=1048576", "RAVN_AS4_MAX_BYTES=1048576")
	good := invoiceNumber("C-1")
	sbd := fmt.Sprintf(`<StandardBusinessDocument xmlns="%s"/>`,
		"http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader")
	for name, text := range map[string]string{
		"text.xml": "no XML at all", "broken.xml": string(good[:len(good)/2]), "envelope.xml": sbd,
		"large.xml": "<a>" + strings.Repeat("large", 1<<18) + "</a>", "other.xml": "<a/>", "side.xml": string(good),
		"12345678901.xml": "<b/>", "side.json": `{"reciever": "0192:810418052"}`, "paper.pdf": "%PDF-1.7",
	} {
		p.put(name, []byte(text))
	}
	p.put("good.xml", good)
	p.drained(time.Minute)
	got := map[string]string{}
	for _, name := range p.names("failed") {
		base, ok := strings.CutSuffix(name, ".json")
		if !ok || strings.HasSuffix(base, ".metadata") {
			continue
		}
		var out struct{ Code, Next, ErrorDetails string }
		text, err := os.ReadFile(filepath.Join(p.folder, "failed", name))
		if err == nil {
			err = json.Unmarshal(text, &out)
		}
		if err != nil || out.Next == "" || !strings.HasPrefix(out.ErrorDetails, out.Code) {
			t.Errorf("%s: %s, %v", name, text, err)
		}
		got[base] = out.Code
	}
	want := map[string]string{
		"text.xml": "RAVN-2001", "broken.xml": "RAVN-2001", "envelope.xml": "RAVN-2003", "large.xml": "RAVN-2022",
		"other.xml": "RAVN-2002", "side.xml": "RAVN-2021", "12345678901.xml": "RAVN-2002", "paper.pdf": "RAVN-2001",
	}
	if !maps.Equal(got, want) {
		t.Errorf("failed: %v, want %v", got, want)
	}
	p.exactlyOnce(map[string][]byte{"good.xml": good})
	s.kill()
	if log := s.log.String(); strings.Count(log, "was not sent") != len(want) || !strings.Contains(log, "was sent") {
		t.Errorf("the log is\n%s", log)
	}
	for _, secret := range []string{"991825827", "810418052", "12345678901", "large.xml"} {
		if log := s.log.String(); strings.Contains(log, secret) {
			t.Errorf("the log has %s:\n%s", secret, log)
		}
	}
}
