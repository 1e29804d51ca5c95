package node

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/explain"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
	"github.com/ravn-ap/ravn/testbed/interop"
)

// phase4 is the Java peer with a key of our private hierarchy.
type phase4 struct {
	*interop.Peer
	dir string
	id  *certs.Identity
	ca  []string // PEM files of the CAs
}

func startPhase4(t *testing.T, p *localca.PKI) *phase4 {
	t.Helper()
	x := &phase4{Peer: interop.Start(t), dir: t.TempDir()}
	x.id = x.issue(t, p.AP, "phase4", localca.Leaf{CN: "POP900099"})
	x.ca = []string{
		x.file(t, "ap.pem", localca.EncodeCerts(p.AP.Cert)),
		x.file(t, "root.pem", localca.EncodeCerts(p.Root.Cert)),
	}
	return x
}

func (x *phase4) file(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(x.dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// issue makes a leaf and writes NAME.pem and NAME.key.
func (x *phase4) issue(t *testing.T, ca *localca.CA, name string, leaf localca.Leaf) *certs.Identity {
	t.Helper()
	id, err := ca.Issue(leaf, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := localca.EncodeKey(id.Key)
	if err != nil {
		t.Fatal(err)
	}
	x.file(t, name+".key", key)
	x.file(t, name+".pem", localca.EncodeCerts(id.Cert))
	return id
}

func (x *phase4) key(name string) interop.Fields {
	return interop.Fields{
		"key_pem": filepath.Join(x.dir, name+".key"), "cert_pem": filepath.Join(x.dir, name+".pem"),
		"ca_pem": x.ca,
	}
}

func merge(list ...interop.Fields) interop.Fields {
	out := interop.Fields{}
	for _, f := range list {
		for k, v := range f {
			out[k] = v
		}
	}
	return out
}

// to is what a message from phase4 to our node needs.
func (x *phase4) to(t *testing.T, n *tested, file string) interop.Fields {
	t.Helper()
	return merge(x.key("phase4"), interop.Fields{
		"url": n.URL(), "receiver_cert_pem": filepath.Join(n.Dir, "cert.pem"), "sender": c1, "recipient": c4,
		"doctype": billing, "process": process, "country": "NO", "file": file,
	})
}

// samples are official examples of several document types.
var samples = []string{
	"rules/peppol-billing/examples/base-example.xml",
	"rules/peppol-billing/examples/base-creditnote-correction.xml",
	"rules/peppol-postaward/examples/Order_Example.xml",
	"rules/peppol-postaward/examples/OrderAgreement_Example.xml",
	"rules/peppol-postaward/examples/InvoiceResponse_Example.xml",
	"rules/ehf/postaward-g3/example/receipt-advice-1.1/ReceiptAdvice_Example_Full.xml",
	"rules/ehf/egovernment-g1/example/request-full-example.xml",
}

func detect(t *testing.T, file string) sbdh.Detected {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	d, err := sbdh.Detect(f)
	if err != nil || d.DocType.IsZero() || d.Process.IsZero() {
		t.Fatalf("%s: document type not detected: %+v, %v", file, d, err)
	}
	return d
}

// receiptIsGood checks that phase4 verified our receipt and its digests.
func receiptIsGood(t *testing.T, ans interop.Fields) {
	t.Helper()
	for _, k := range []string{
		"receipt_received", "receipt_signature_valid", "receipt_references_match",
		"response_signer_is_receiver",
	} {
		if ans[k] != true {
			t.Errorf("%s = %v, errors %v", k, ans[k], ans["errors"])
		}
	}
}

func TestInteropPhase4(t *testing.T) {
	p, dir := testPKI(t)
	x := startPhase4(t, p)
	n := newNode(t, dir, "POP900001")
	examples := samples
	for _, name := range examples {
		d := detect(t, golden.Shared(t, name))
		n.serve(t, c4, d.DocType.String(), d.Process.Value())
	}

	t.Run("phase4 to Ravn", func(t *testing.T) { x.sendsTo(t, n, examples) })
	t.Run("phase4 to Ravn, errors", func(t *testing.T) { x.failsTo(t, n, p) })
	t.Run("Ravn to phase4", func(t *testing.T) { x.receivesFrom(t, n, examples) })
}

func (x *phase4) sendsTo(t *testing.T, n *tested, examples []string) {
	want := 0
	send := func(name string, f interop.Fields) {
		t.Run(name, func(t *testing.T) {
			receiptIsGood(t, x.Call(t, "send", f))
			want++
		})
	}
	for _, name := range examples {
		file := golden.Shared(t, name)
		d := detect(t, file)
		send(filepath.Base(name), merge(x.to(t, n, file),
			interop.Fields{"doctype": d.DocType.String(), "process": d.Process.Value()}))
	}
	invoice := golden.Shared(t, samples[0])
	send("uncompressed", merge(x.to(t, n, invoice), interop.Fields{"compress": false}))
	for _, size := range []int{1 << 10, 100 << 10, 1 << 20, 10 << 20} {
		file := x.file(t, "binary", noise(size))
		send("binary of "+sizeName(size), merge(x.to(t, n, file),
			interop.Fields{"payload_binary_mime": "application/octet-stream"}))
	}
	send("text", merge(x.to(t, n, x.file(t, "text", []byte("Ærlig & <talt>\n"))),
		interop.Fields{"text_mime": "text/plain"}))
	if got := n.inbox(t, want); len(got) != want {
		t.Errorf("%d documents delivered, want %d", len(got), want)
	}
	t.Run("captured", func(t *testing.T) {
		req, resp := filepath.Join(x.dir, "request.http"), filepath.Join(x.dir, "response.http")
		receiptIsGood(t, x.Call(t, "send", merge(x.to(t, n, invoice),
			interop.Fields{"capture_request_to": req, "capture_response_to": resp})))
		explained(t, n.Keys, x.anchors(t), req, resp)
	})
}

func (x *phase4) anchors(t *testing.T) []certs.Issuer {
	t.Helper()
	var pem []byte
	for _, file := range x.ca {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pem = append(pem, b...)
	}
	list, err := certs.ParseAnchors(pem)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// explained checks that ravn open finds a captured message and its receipt in order, down to the envelope.
func explained(t *testing.T, keys *certs.Keyring, anchors []certs.Issuer, reqFile, respFile string) {
	t.Helper()
	req, err := os.ReadFile(reqFile)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := os.ReadFile(respFile)
	if err != nil {
		t.Fatal(err)
	}
	r, err := explain.Explain(req, explain.Options{Keys: keys, Anchors: anchors})
	if err != nil || !r.Verdict.OK || !r.Signature.Valid || len(r.Problems) != 0 || r.SBDH == nil || r.Payload == nil {
		t.Errorf("request: %+v, problems %+v, %v", r.Verdict, r.Problems, err)
	}
	r, err = explain.Explain(resp, explain.Options{Anchors: anchors, Request: req})
	if err != nil || !r.Verdict.OK || !r.Signature.Valid || len(r.Problems) != 0 || r.Receipt == nil {
		t.Errorf("receipt: %+v, problems %+v, %v", r.Verdict, r.Problems, err)
	}
}

// tampering passes requests on to url with one bit of the encrypted payload turned over.
func tampering(t *testing.T, url string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		end := bytes.LastIndex(body, []byte("\r\n--"))
		if err != nil || end < 100 {
			t.Errorf("a body of %d bytes: %v", len(body), err)
			return
		}
		body[end-100] ^= 1 // ciphertext: the last 16 bytes are the tag
		req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		req.Header = r.Header.Clone()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/as4"
}

func sizeName(n int) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// noise makes bytes that no compression shortens.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

// failsTo sends what we must refuse.
func (x *phase4) failsTo(t *testing.T, n *tested, p *localca.PKI) {
	foreign, err := localca.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	x.issue(t, foreign.AP, "foreign", localca.Leaf{CN: "POP900098"})
	x.issue(t, p.AP, "expired", localca.Leaf{CN: "POP900097", NotBefore: time.Now().Add(-721 * 24 * time.Hour)})
	before := len(n.inbox(t, 0))
	good := x.to(t, n, golden.Shared(t, samples[0]))
	for _, tc := range []struct {
		name   string
		change interop.Fields
		code   string
		detail string
	}{
		{"AS4-092 not serviced", interop.Fields{"recipient": "0192:923609016"}, "EBMS:0004", "PEPPOL:NOT_SERVICED"},
		{"AS4-068 certificate of another CA", x.key("foreign"), "EBMS:0101", ""},
		{"AS4-068 expired certificate", x.key("expired"), "EBMS:0101", ""},
		{"AS4-083 tampered payload", interop.Fields{"tamper": "payload"}, "EBMS:0102", ""},
		{"AS4-060 tampered signature", interop.Fields{"tamper": "signature"}, "EBMS:0101", ""},
		{"AS4-039 wrong party id", interop.Fields{"tamper": "party_id"}, "EBMS:0101", ""},
		{"AS4-040 wrong addressee", interop.Fields{"to_seat": "POP900055"}, "EBMS:0004", ""},
		{"AS4-041 wrong agreement", interop.Fields{"agreement": "urn:x"}, "EBMS:0010", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ans := x.Call(t, "send", merge(good, tc.change, interop.Fields{"force": true}))
			list, _ := ans["errors"].([]any)
			if len(list) != 1 {
				t.Fatalf("errors %v in %v", list, ans)
			}
			e := list[0].(map[string]any)
			if e["code"] != tc.code || tc.detail != "" && e["detail"] != tc.detail {
				t.Errorf("got %v, want %s %s", e, tc.code, tc.detail)
			}
			if ans["response_signature_valid"] != true {
				t.Errorf("the error is not signed: %v", ans)
			}
		})
	}
	if after := len(n.inbox(t, 0)); after != before {
		t.Errorf("%d documents more than before", after-before)
	}
}

// receivesFrom lets phase4 receive what we send.
func (x *phase4) receivesFrom(t *testing.T, n *tested, examples []string) {
	in := filepath.Join(x.dir, "in")
	if err := os.Mkdir(in, 0o700); err != nil {
		t.Fatal(err)
	}
	captures := filepath.Join(x.dir, "captures")
	if err := os.Mkdir(captures, 0o700); err != nil {
		t.Fatal(err)
	}
	rx := x.Call(t, "receiver.start", merge(x.key("phase4"),
		interop.Fields{"dir": in, "capture_dir": captures, "not_serviced": []string{"0192:923609016"}}))
	peer := as4.Peer{URL: rx["url"].(string), Cert: x.id.Cert}
	participant := func(s string) peppol.ParticipantID {
		id, err := peppol.ParseParticipant(s)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	send := func(t *testing.T, s ap.Submission) (store.Message, error) {
		t.Helper()
		s.From = participant(c1)
		if s.To.IsZero() {
			s.To = participant(c4)
		}
		m, job, err := n.Submit(t.Context(), s) // held, so that the node does not send it by itself
		if err != nil {
			t.Fatal(err)
		}
		_, err = n.Attempt(t.Context(), m, job, peer)
		m, gerr := n.Store.Get(t.Context(), db.DefaultTenant, m.ID)
		if gerr != nil {
			t.Fatal(gerr)
		}
		return m, err
	}
	arrived := func(t *testing.T, m store.Message) {
		t.Helper()
		sum := hex.EncodeToString(m.Payload.SHA256[:])
		got, err := os.ReadFile(filepath.Join(in, m.MessageID+".xml"))
		if err != nil {
			t.Fatal(err)
		}
		if s := sha256.Sum256(got); hex.EncodeToString(s[:]) != sum {
			t.Error("phase4 received something else")
		}
	}
	for _, name := range examples {
		t.Run(filepath.Base(name), func(t *testing.T) {
			m, err := send(t, ap.Submission{Open: ap.Bytes(golden.Read(t, name))})
			if err != nil || m.State != store.Sent {
				t.Fatalf("state %s, %v", m.State, err)
			}
			arrived(t, m)
		})
	}
	d := detect(t, golden.Shared(t, samples[0]))
	for _, size := range []int{1 << 10, 100 << 10, 1 << 20, 10 << 20} {
		t.Run("binary of "+sizeName(size), func(t *testing.T) {
			m, err := send(t, ap.Submission{
				DocType: d.DocType, Process: d.Process,
				MimeType: "application/vnd.etsi.asic-e+zip", Open: ap.Bytes(noise(size)),
			})
			if err != nil || m.State != store.Sent {
				t.Fatalf("state %s, %v", m.State, err)
			}
			arrived(t, m)
		})
	}
	t.Run("text", func(t *testing.T) {
		m, err := send(t, ap.Submission{
			DocType: d.DocType, Process: d.Process, MimeType: "application/octet-stream",
			Text: true, Open: ap.Bytes([]byte("Ærlig & <talt>")),
		})
		if err != nil || m.State != store.Sent {
			t.Fatalf("state %s, %v", m.State, err)
		}
		arrived(t, m)
	})
	t.Run("AS4-092 not serviced", func(t *testing.T) {
		m, err := send(t, ap.Submission{To: participant("0192:923609016"), Open: ap.Bytes(golden.Read(t, samples[0]))})
		var f *fault.Error
		var se *as4.SendError
		if !errors.As(err, &f) || f.Code != fault.PeerRefused || !errors.As(err, &se) || !se.Signal.IsNotServiced() ||
			m.State != store.FailedPermanent {
			t.Errorf("state %s, %v", m.State, err)
		}
	})
	t.Run("AS4-083 tampered payload", func(t *testing.T) {
		before := entries(t, in)
		direct := peer
		peer.URL = tampering(t, direct.URL)
		defer func() { peer = direct }()
		m, err := send(t, ap.Submission{Open: ap.Bytes(golden.Read(t, samples[0]))})
		var se *as4.SendError
		if !errors.As(err, &se) || se.Signal == nil || se.Signal.Code != ebms.CodeFailedDecryption ||
			m.State != store.FailedPermanent {
			t.Errorf("state %s, %v", m.State, err)
		}
		if after := entries(t, in); len(after) != len(before) {
			t.Errorf("phase4 kept %d files, had %d", len(after), len(before))
		}
	})
	t.Run("captured", func(t *testing.T) {
		explained(t, certs.NewKeyring(x.id), x.anchors(t), filepath.Join(captures, "001-request.http"),
			filepath.Join(captures, "001-response.http"))
	})
}

func entries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// AS4-128, AS4-131 in design.md §3. phase4 builds each try anew, so that a repeat has the MessageId and the payload of
// the first and another header: it believes the receipt of its own that it gets, and nothing is delivered twice.
func TestInteropAS4128Rebuilt(t *testing.T) {
	p, dir := testPKI(t)
	x := startPhase4(t, p)
	n := newNode(t, dir, "POP900001")
	n.serve(t, c4, billing, process)
	invoice := x.file(t, "invoice.xml", golden.Invoice(t))
	send := func(name, instance string) interop.Fields {
		t.Helper()
		d := detect(t, invoice)
		h := &sbdh.Header{
			Sender: participant(t, c1), Receiver: participant(t, c4), DocType: d.DocType, Process: d.Process,
			CountryC1: "NO", InstanceID: instance, Created: "2026-11-30T12:00:00Z",
		}
		var sbd bytes.Buffer
		if err := sbdh.Wrap(&sbd, h, bytes.NewReader(golden.Invoice(t))); err != nil {
			t.Fatal(err)
		}
		fields := merge(x.to(t, n, ""), interop.Fields{
			"sbd_file":   x.file(t, name, sbd.Bytes()),
			"message_id": "again@phase4.example",
		})
		delete(fields, "file")
		return x.Call(t, "send", fields)
	}
	for range 3 {
		receiptIsGood(t, send("one.xml", "one"))
	}
	if ans := send("two.xml", "two"); !bytes.Contains(fmt.Append(nil, ans["errors"]), []byte("EBMS:0003")) {
		t.Errorf("AS4-131: another payload: %v", ans)
	}
	n.inbox(t, 1)
	page, err := n.Store.List(t.Context(), db.DefaultTenant, store.Filter{Direction: store.In})
	if err != nil || len(page.Found) != 1 {
		t.Fatalf("%d messages, %v", len(page.Found), err)
	}
	all, err := n.Store.AllEvidence(t.Context(), db.DefaultTenant, page.Found[0].ID)
	receipts := map[string]bool{}
	for _, e := range all {
		if e.Kind == store.EvidenceReceipt {
			receipts[string(e.Bytes)] = true
		}
	}
	if err != nil || len(receipts) != 3 {
		t.Errorf("%d receipts are kept of three tries, %v", len(receipts), err)
	}
}
