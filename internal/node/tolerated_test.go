package node

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/ap"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sbdh"
)

// sealAgain builds the body of a submitted message anew, with another header.
func sealAgain(t *testing.T, from, to *tested, m store.Message, conversation string) (contentType string, body []byte) {
	t.Helper()
	r, err := from.Blobs.Open(t.Context(), m.Payload)
	if err != nil {
		t.Fatal(err)
	}
	sbd, err := io.ReadAll(r)
	_ = r.Close() // only read
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := sbdh.Read(bytes.NewReader(sbd), sbdh.Options{})
	if err != nil {
		t.Fatal(err)
	}
	by, err := from.Keys.Current(from.Seat, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	sealed, err := from.Outbound.Sender.Seal(by, to.peer(), as4.Outgoing{
		ID: ebms.MessageID(m.MessageID), Ref: m.ID, Timestamp: m.Created, ConversationID: conversation, Header: h,
		SBD: bytes.NewReader(sbd),
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	return sealed.ContentType, out.Bytes()
}

// postBody posts a body and returns the answer.
func postBody(t *testing.T, to *tested, contentType string, body []byte) (status int, answer []byte) {
	t.Helper()
	res, err := http.Post(to.URL(), contentType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err = io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, answer
}

// AS4-128 in design.md §3. A repeat with a rebuilt header is no second message: not delivered, not counted, and each
// receipt that left is evidence. The log says what was tolerated, and the node counts it.
func TestAS4128RebuiltRepeat(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), talkative(t, dir, "POP900002", "", nil)
	to.serve(t, c4, billing, process)
	m, job, err := from.Submit(t.Context(), ap.Submission{
		From: participant(t, c1), To: participant(t, c4),
		Open: ap.Bytes(golden.Invoice(t)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ev, err := from.Attempt(t.Context(), m, job, to.peer())
	if err != nil {
		t.Fatal(err)
	}
	to.inbox(t, 1)

	answers := map[string]bool{string(ev.Body): true}
	contentType, body := sealAgain(t, from, to, m, "rebuilt")
	for range 2 { // the rebuilt one, and the same bytes again
		status, answer := postBody(t, to, contentType, body)
		if status != http.StatusOK || !bytes.Contains(answer, []byte("NonRepudiationInformation")) {
			t.Fatalf("HTTP %d %.300s", status, answer)
		}
		answers[string(answer)] = true
	}
	if len(answers) != 2 {
		t.Errorf("AS4-129: %d different receipts, want the first and that of the rebuilt header", len(answers))
	}

	page, err := to.Store.List(t.Context(), db.DefaultTenant, store.Filter{Direction: store.In})
	if err != nil || len(page.Found) != 1 || page.Found[0].State != store.Delivered {
		t.Fatalf("%d messages, %v", len(page.Found), err)
	}
	all, err := to.Store.AllEvidence(t.Context(), db.DefaultTenant, page.Found[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	for _, e := range all {
		if e.Kind == store.EvidenceReceipt {
			kept[string(e.Bytes)] = true
		}
	}
	if !maps.Equal(kept, answers) {
		t.Errorf("%d receipts are kept, %d left", len(kept), len(answers))
	}
	jobs, err := to.Store.Jobs(t.Context(), db.DefaultTenant, store.JobFilter{})
	if err != nil || len(jobs) != 0 {
		t.Errorf("work that is left: %v, %v", jobs, err)
	}
	if _, err := to.Store.Ledger.Post(t.Context(), db.DefaultTenant); err != nil {
		t.Fatal(err)
	}
	counted := 0
	for _, err := range to.Store.Ledger.Entries(t.Context(), db.DefaultTenant, peppol.MonthOf(page.Found[0].Accepted)) {
		if err != nil {
			t.Fatal(err)
		}
		counted++
	}
	if counted != 1 {
		t.Errorf("counted %d times", counted)
	}

	lines := to.await(t, "received", 3)
	for i, l := range lines[1:] {
		if fmt.Sprint(l["as4.tolerated"]) != "[rebuilt-header]" || l["tx"] != page.Found[0].ID ||
			l["duplicate"] != true {
			t.Errorf("line %d: %v", i, l)
		}
	}
	if lines[0]["as4.tolerated"] != nil {
		t.Errorf("the first message: %v", lines[0])
	}
	if got := to.Tolerated(); !maps.Equal(got, map[string]int64{as4.ToleratedRebuilt: 2}) {
		t.Errorf("counted %v", got)
	}
	to.end(t)
	if end := to.Log.lines(t, "tolerated since the start"); len(end) != 1 ||
		!strings.Contains(fmt.Sprint(end[0]["as4.tolerated"]), "rebuilt-header:2") {
		t.Errorf("at the end: %v", end)
	}
}

// SEC-025. as4.accept_base64 decides; what was tolerated stands in the timeline of the message.
func TestSEC025AcceptBase64(t *testing.T) {
	_, dir := testPKI(t)
	from := newNode(t, dir, "POP900001")
	for text, want := range map[string]bool{"": true, "  accept_base64: false\n": false} {
		to := talkative(t, dir, "POP900002", text, nil)
		to.serve(t, c4, billing, process)
		m, _, err := from.Submit(t.Context(), ap.Submission{
			From: participant(t, c1), To: participant(t, c4),
			Open: ap.Bytes(golden.Invoice(t)),
		})
		if err != nil {
			t.Fatal(err)
		}
		contentType, body := sealAgain(t, from, to, m, "c")
		i, j := bytes.LastIndex(body, []byte("\r\n\r\n"))+4, bytes.LastIndex(body, []byte("\r\n--"))
		encoded := bytes.Replace(body[:i:i], []byte("octet-stream\r\nContent-Transfer-Encoding: binary"),
			[]byte("octet-stream\r\nContent-Transfer-Encoding: base64"), 1)
		encoded = append(append(encoded, base64.StdEncoding.EncodeToString(body[i:j])...), body[j:]...)
		_, answer := postBody(t, to, contentType, encoded)
		if got := bytes.Contains(answer, []byte("NonRepudiationInformation")); got != want ||
			!want && !bytes.Contains(answer, []byte("EBMS:0007")) {
			t.Errorf("%q: %.400s", text, answer)
		}
		list, err := to.Store.ByMessageID(t.Context(), db.DefaultTenant, store.In, m.MessageID)
		if err != nil || len(list) != map[bool]int{true: 1, false: 0}[want] {
			t.Fatalf("%q: %d messages, %v", text, len(list), err)
		}
		if !want {
			continue
		}
		events, err := to.Store.Timeline(t.Context(), db.DefaultTenant, list[0].ID)
		if err != nil || !slices.ContainsFunc(events,
			func(e store.Event) bool { return e.Kind == store.EventTolerated && e.Detail == "base64" }) {
			t.Errorf("timeline %+v, %v", events, err)
		}
	}
}

// SEC-111, REL-023. What the guard refuses is not sent, and is not taken for something that may have arrived.
func TestREL023GuardRefuses(t *testing.T) {
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), newNode(t, dir, "POP900002")
	for _, url := range []string{"https://192.0.2.1/as4", "ftp://127.0.0.1/as4"} {
		m, job, err := from.Submit(t.Context(),
			ap.Submission{From: participant(t, c1), To: participant(t, c4), Open: ap.Bytes(golden.Invoice(t))})
		if err != nil {
			t.Fatal(err)
		}
		peer := to.peer()
		peer.URL = url
		_, err = from.Attempt(t.Context(), m, job, peer)
		if code(err) != fault.EndpointForbidden {
			t.Errorf("%s: got %v", url, err)
		}
		m, err = from.Store.Get(t.Context(), db.DefaultTenant, m.ID)
		if err != nil || m.State != store.RetryWait {
			t.Errorf("%s: state %s, %v", url, m.State, err)
		}
		tries, err := from.Store.Attempts(t.Context(), db.DefaultTenant, m.ID)
		if err != nil || len(tries) != 1 || tries[0].Outcome != string(as4.NotSent) || tries[0].Unclear {
			t.Errorf("%s: attempts %+v, %v", url, tries, err)
		}
	}
}

// DISC-103. A document type without customization goes both ways if it is registered at the receiver, with a remark at
// both ends; one that is not registered is not served.
func TestDISC103WithoutCustomization(t *testing.T) {
	const plain = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##::2.1"
	_, dir := testPKI(t)
	from, to := newNode(t, dir, "POP900001"), talkative(t, dir, "POP900002", "", nil)
	docType, err := peppol.ParseDocType(plain)
	if err != nil {
		t.Fatal(err)
	}
	send := func() (store.Message, error) {
		t.Helper()
		m, job, err := from.Submit(t.Context(), ap.Submission{
			From: participant(t, c1), To: participant(t, c4), DocType: docType, Open: ap.Bytes(golden.Invoice(t)),
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = from.Attempt(t.Context(), m, job, to.peer())
		return m, err
	}
	if _, err := send(); code(err) != fault.PeerRefused || !strings.Contains(err.Error(), ebms.NotServicedDetail) {
		t.Errorf("not registered: %v", err)
	}
	to.serve(t, c4, plain, process)
	m, err := send()
	if err != nil {
		t.Fatal(err)
	}
	to.inbox(t, 1)
	if l := to.await(t, "received", 1)[0]; fmt.Sprint(l["as4.tolerated"]) != "[type-without-customization]" {
		t.Errorf("the line %v", l)
	}
	events, err := from.Store.Timeline(t.Context(), db.DefaultTenant, m.ID)
	if err != nil || events[0].Kind != store.EventTolerated || !strings.Contains(events[0].Detail, "DISC-103") {
		t.Errorf("at the sender: %+v, %v", events, err)
	}
}
