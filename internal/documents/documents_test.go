package documents_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/db/sqlite"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/store/blob"
)

const tenant = db.DefaultTenant

// office is a desk over a record of its own, whose clock only the test moves.
type office struct {
	*testing.T
	*documents.Desk
	dir string
	now time.Time
	seq int
}

func newOffice(t *testing.T) *office {
	o := &office{T: t, dir: t.TempDir(), now: time.Date(2026, 11, 21, 2, 30, 0, 0, time.UTC)}
	clock := func() time.Time { return o.now }
	s, err := store.Open(sqlite.Open(t.Context(), filepath.Join(o.dir, "ravn.db"), db.Options{Now: clock}))
	o.must(err)
	t.Cleanup(func() { _ = s.Close() })
	o.must(os.Mkdir(filepath.Join(o.dir, "blobs"), 0o700))
	files, err := blob.OpenDir(filepath.Join(o.dir, "blobs"), blob.Options{})
	o.must(err)
	o.Desk = &documents.Desk{Tenant: tenant, Store: s, Blobs: files, Now: clock}
	return o
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// code returns the code of an error.
func code(err error) fault.Code {
	var f *fault.Error
	errors.As(err, &f)
	if f == nil {
		return ""
	}
	return f.Code
}

const envelope = `<StandardBusinessDocument xmlns="http:` +
	`//www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"><StandardBusinessDocumentHeader>` +
	`<HeaderVersion>1.0</HeaderVersion><Sender><Identifier ` +
	`Authority="iso6523-actorid-upis">0192:991825827</Identifier></Sender><Receiver><Identifier ` +
	`Authority="iso6523-actorid-upis">0192:810418052</Identifier></Receiver><DocumentIdentification><Standard>` +
	`urn:oasis:names:specification:ubl:schema:xsd:Invoice-2</Standard><TypeVersion>2.1</TypeVersion>` +
	`<InstanceIdentifier>i</InstanceIdentifier><Type>Invoice</Type><CreationDateAndTime>` +
	`2026-11-21T12:00:00Z</CreationDateAndTime></DocumentIdentification><BusinessScope><Scope><Type>DOCUMENTID</Type>` +
	`<InstanceIdentifier>urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##c::2.1</InstanceIdentifier>` +
	`<Identifier>busdox-docid-qns</Identifier></Scope><Scope><Type>PROCESSID</Type><InstanceIdentifier>` +
	`p</InstanceIdentifier><Identifier>cenbii-procid-ubl</Identifier></Scope><Scope><Type>COUNTRY_C1</Type>` +
	`<InstanceIdentifier>NO</InstanceIdentifier></Scope></BusinessScope></StandardBusinessDocumentHeader><Invoice ` +
	`xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" ` +
	`xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"><cbc:ID> %s ` +
	`</cbc:ID><Line><cbc:ID>not this one</cbc:ID></Line></Invoice></StandardBusinessDocument>`

// message makes a message with a payload whose document bears a number. Its id tells the order.
func (o *office) message(number string) store.Message {
	o.Helper()
	o.seq++
	id := fmt.Sprintf("019b2f6e-5d10-7b02-8c77-%012d", o.seq)
	w, err := o.Blobs.Create(o.Context(), store.BlobKey(id, "sbd"))
	o.must(err)
	_, err = fmt.Fprintf(w, envelope, number)
	o.must(err)
	ref, err := w.Commit()
	o.must(err)
	return store.Message{
		ID: id, Domain: "eProcurement", MessageID: fmt.Sprintf("m%d@ap.example", o.seq), ConversationID: "c",
		C2: "PNO000111", C3: "PNO000222",
		Sender: "0192:991825827", Receiver: "0192:810418052", DocTypeScheme: "busdox-docid-qns",
		DocType:       "urn:x::Invoice##urn:y::2.1",
		ProcessScheme: "cenbii-procid-ubl", Process: "urn:p", Transport: "peppol-transport-as4-v2_0",
		InstanceID: fmt.Sprintf("i%d", o.seq),
		CountryC1:  "NO", Payload: ref, DocumentNumber: number,
	}
}

func (o *office) received(number string) store.Message {
	o.Helper()
	m, err := o.Store.Accept(o.Context(), tenant,
		store.Acceptance{Message: o.message(number), Evidence: []store.Evidence{
			{Kind: store.EvidenceReceipt, ContentType: "application/soap+xml", Bytes: []byte("<Receipt/>")},
			{Kind: store.EvidenceRequestSOAP, Bytes: []byte("<Envelope/>")},
		}})
	o.must(err)
	return m
}

func (o *office) submitted(number string) store.Message {
	o.Helper()
	in := o.message(number)
	in.C3 = ""
	m, _, err := o.Store.Submit(o.Context(), tenant, store.Submission{Message: in})
	o.must(err)
	return m
}

// tried makes one attempt of a message, which ends so.
func (o *office) tried(m store.Message, r store.Result) {
	o.Helper()
	kind, st := store.Deliver, store.Start{Endpoint: "folder", Lease: time.Minute}
	if m.Direction == store.Out {
		kind = store.Send
		st.Endpoint, st.Fingerprint = "https://as4.peer.example/as4", "ab12"
		if now, err := o.Store.Get(o.Context(), tenant, m.ID); err == nil && now.Sealed.IsZero() {
			st.Sealed = &store.Sealed{
				Body: store.BlobRef{Key: m.ID + ".sealed", Length: 3}, Endpoint: st.Endpoint,
				C3: "PNO000222", ContentType: "x/y",
			}
		}
	}
	job, err := o.Store.Take(o.Context(), tenant, kind, m.ID, "worker-1", time.Minute)
	o.must(err)
	_, n, err := o.Store.StartAttempt(o.Context(), job, st)
	o.must(err)
	o.now = o.now.Add(1500 * time.Millisecond)
	o.must(o.Store.FinishAttempt(o.Context(), job, n, r))
	o.now = o.now.Add(time.Minute)
}

// unsent ends the turn of a message without an attempt.
func (o *office) unsent(m store.Message, why store.NotSent) {
	o.Helper()
	job, err := o.Store.Take(o.Context(), tenant, store.Send, m.ID, "worker-1", time.Minute)
	o.must(err)
	o.must(o.Store.NotSent(o.Context(), job, why))
}

// Each state of reliability.md §2 that a message on record may have, with its status.
func TestAPI054Status(t *testing.T) {
	want := map[store.Direction]map[documents.Status]string{
		store.Out: {
			documents.Pending: "SUBMITTED READY SENDING RETRY_WAIT UNKNOWN", documents.Sent: "SENT",
			documents.Failed: "FAILED_PERMANENT CLOSED", documents.Cancelled: "CANCELLED",
			documents.Attention: "QUARANTINED UNKNOWN_ACCEPTED RECEIPT_INVALID RECOVERY_HOLD",
		},
		store.In: {
			documents.Pending: "ACCEPTED DELIVERING DELIVERY_FAILED", documents.Delivered: "DELIVERED",
			documents.Failed:    "DEAD",
			documents.Discarded: "ARCHIVED", documents.Attention: "QUARANTINED",
		},
	}
	for d, table := range want {
		for status, states := range table {
			for _, s := range strings.Fields(states) {
				if got := documents.StatusOf(d, store.State(s), false); got != status {
					t.Errorf("%s %s: %s, want %s", d, s, got, status)
				}
			}
		}
	}
	if got := documents.StatusOf(store.Out, store.Closed, true); got != documents.Sent {
		t.Errorf("closed with a receipt: %s", got)
	}
	if got := documents.StatusOf(store.In, store.Archived, true); got != documents.Delivered {
		t.Errorf("archived after its delivery: %s", got)
	}
}

// What is wrong, whose fault it is, and a next step that never makes a second document of one that may arrive
// (REL-027).
func TestAPI055Problem(t *testing.T) {
	refused := store.Result{
		State: store.FailedPermanent, Outcome: "refused", Code: "EBMS:0004",
		Detail: "PEPPOL:NOT_SERVICED", Refused: true,
	}
	again := "ravn send --resume 019b2f6e-5d10"
	for name, tc := range map[string]struct {
		do     func(o *office) store.Message
		code   fault.Code // "": no problem
		blame  fault.Blame
		next   string
		action string
	}{
		"just handed in": {
			func(o *office) store.Message { return o.submitted("1") }, "", "",
			"Nothing: ravn serve sends it; at once: ravn send --resume 019b", "cancel hold",
		},
		"not looked up": {func(o *office) store.Message {
			m := o.submitted("1")
			o.unsent(m, store.NotSent{Reason: "RAVN-2102: the receiver could not be looked up (timeout)"})
			return m
		}, fault.LookupFailed, fault.Network, again, "retry cancel hold"},
		"held": {func(o *office) store.Message {
			m := o.submitted("1")
			o.unsent(m, store.NotSent{
				Moving: o.now, Retry: o.now.Add(time.Minute),
				Reason: "RAVN-2106: no SMP knows the receiver",
			})
			return m
		}, fault.ReceiverMoving, fault.Register, "looked up again by ravn serve", "retry cancel hold"},
		"not registered": {func(o *office) store.Message {
			m := o.submitted("1")
			o.unsent(m, store.NotSent{GiveUp: true, Reason: "RAVN-2101: not registered"})
			return m
		}, fault.NotRegistered, fault.Register, "Ask the receiver", "retry"},
		"told to wait": {func(o *office) store.Message {
			m := o.submitted("1")
			o.tried(m, store.Result{State: store.RetryWait, Outcome: "later", Code: "EBMS:0202", Retry: o.now})
			return m
		}, "EBMS:0202", fault.Theirs, again, "retry cancel hold"},
		"perhaps arrived": {func(o *office) store.Message {
			m := o.submitted("1")
			o.tried(m, store.Result{State: store.Unknown, Outcome: "unknown", Detail: "timeout", Retry: o.now})
			return m
		}, fault.PeerUnreachable, fault.Network, again, "retry hold"},
		"perhaps arrived, then not looked up": {func(o *office) store.Message {
			m := o.submitted("1")
			o.tried(m, store.Result{State: store.Unknown, Outcome: "unknown", Detail: "timeout", Retry: o.now})
			o.unsent(m, store.NotSent{GiveUp: true, Reason: "RAVN-2101: not registered"})
			return m
		}, fault.NotRegistered, fault.Register, again, "retry hold"},
		"refused": {func(o *office) store.Message {
			m := o.submitted("1")
			o.tried(m, refused)
			return m
		}, "EBMS:0004", fault.Theirs, "correct the cause and send the document again as a new message", "retry"},
		"another receipt": {func(o *office) store.Message {
			m := o.submitted("1")
			o.tried(m, store.Result{State: store.ReceiptInvalid, Outcome: "bad-receipt"})
			return m
		}, fault.ReceiptInvalid, fault.Theirs, "Do not send again", "retry"},
		"known there": {func(o *office) store.Message {
			m := o.submitted("1")
			o.tried(m, store.Result{State: store.UnknownAccepted, Outcome: "duplicate-there"})
			return m
		}, fault.ReceiptLost, fault.Theirs, "Do not send it again", ""},
		"sent": {func(o *office) store.Message {
			m := o.submitted("1")
			o.tried(m, store.Result{
				State: store.Sent, Outcome: "receipt",
				Evidence: []store.Evidence{{Kind: store.EvidenceReceipt, Bytes: []byte("r")}},
			})
			return m
		}, "", "", "Nothing", ""},
		"received": {
			func(o *office) store.Message { return o.received("1") }, "", "", "ravn serve delivers it", "hold",
		},
		"not delivered": {func(o *office) store.Message {
			m := o.received("1")
			o.tried(m, store.Result{State: store.DeliveryFailed, Outcome: "failed", Detail: "disk full", Retry: o.now})
			return m
		}, fault.DeliveryFailed, fault.Ours, "tried again", "retry hold"},
		"dead": {func(o *office) store.Message {
			m := o.received("1")
			o.tried(m, store.Result{State: store.Dead, Outcome: "failed", Detail: "no such customer"})
			return m
		}, fault.DeliveryDead, fault.Ours, "ravn documents retry 019b2f6e", "retry discard"},
		"something else lies there": {func(o *office) store.Message {
			m := o.received("1")
			o.tried(m, store.Result{State: store.Dead, Outcome: "failed", Code: "RAVN-3105", Detail: "other content"})
			return m
		}, fault.DeliveryConflict, fault.Ours, "Find out who put it there", "retry discard"},
		"damaged": {func(o *office) store.Message {
			m := o.received("1")
			o.tried(m, store.Result{State: store.Quarantined, Outcome: "failed", Code: "RAVN-3003", Detail: "damaged"})
			return m
		}, fault.PayloadDamaged, fault.Ours, "backup", "retry discard"},
		"crashes": {func(o *office) store.Message {
			m := o.received("1")
			job, err := o.Store.Take(o.Context(), tenant, store.Deliver, m.ID, "w", time.Minute)
			o.must(err)
			o.must(o.Store.Quarantine(o.Context(), job, "started 2 times without an end"))
			return m
		}, fault.Quarantined, fault.Ours, "ravn queue retry 019b2f6e", "retry discard"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			m := tc.do(o)
			doc, err := o.Show(t.Context(), m.ID)
			o.must(err)
			var got documents.Problem
			if doc.Problem != nil {
				got = *doc.Problem
				if got.Title == "" || got.At.IsZero() ||
					got.Detail == "" && tc.code != fault.ReceiptInvalid && tc.code != fault.ReceiptLost {
					t.Errorf("%+v", got)
				}
			}
			if got.Code != tc.code || got.Blame != tc.blame || !strings.Contains(doc.Next, tc.next) {
				t.Errorf("got %+v, next %q", got, doc.Next)
			}
			if got := strings.Trim(fmt.Sprint(doc.Actions), "[]"); got != tc.action {
				t.Errorf("actions %s, want %s", got, tc.action)
			}
			byItself := doc.Status == documents.Pending && !strings.Contains(name, "not looked up")
			if doc.NextAttempt.IsZero() == byItself {
				t.Errorf("next attempt: %v", doc.NextAttempt)
			}
			page, err := o.List(t.Context(), documents.Query{})
			if err != nil || len(page.Items) != 1 || (page.Items[0].Problem == nil) != (doc.Problem == nil) ||
				doc.Problem != nil && page.Items[0].Problem.Code != tc.code && tc.code != "" {
				t.Errorf("in a list: %+v %v", page.Items, err)
			}
		})
	}
}

// A decision is audited with actor and reason; a state that does not allow it says what does.
func TestAPI058Actions(t *testing.T) {
	o := newOffice(t)
	m := o.received("1")
	if _, err := o.Act(t.Context(), documents.Discard, m.ID, "kari", "unwanted"); code(err) != fault.ActionImpossible ||
		!strings.Contains(err.Error(), "ACCEPTED; possible: hold") {
		t.Errorf("one that waits: %v", err)
	}
	o.tried(m, store.Result{State: store.Dead, Outcome: "failed", Detail: "no such customer"})
	if _, err := o.Act(t.Context(), documents.Cancel, m.ID, "kari", "unwanted"); code(err) != fault.ActionImpossible ||
		!strings.Contains(err.Error(), "DEAD; possible: retry, discard") {
		t.Errorf("cancel of a dead one: %v", err)
	}
	for _, reason := range []string{"", "no", "  a ", strings.Repeat("x", 501), "a\x00bc", "\xff\xff\xff"} {
		if _, err := o.Act(t.Context(), documents.Retry, m.ID, "kari", reason); code(err) != fault.BadArguments {
			t.Errorf("reason %q: %v", reason, err)
		}
	}
	if _, err := o.Act(t.Context(), "resend", m.ID, "kari", "because"); code(err) != fault.BadArguments {
		t.Errorf("an action that there is not: %v", err)
	}
	if _, err := o.Act(t.Context(), documents.Retry, "nobody", "kari", "because"); code(err) != fault.NoSuchMessage {
		t.Errorf("a document that there is not: %v", err)
	}
	if audits, err := o.Store.Audits(t.Context(), tenant, time.Time{}, time.Time{}, 10); err != nil || len(audits) > 0 {
		t.Errorf("audited although nothing was done: %+v %v", audits, err)
	}
	doc, err := o.Act(t.Context(), documents.Retry, m.MessageID, "kari", strings.Repeat("ø", 500))
	if err != nil || doc.State != store.DeliveryFailed || !doc.NextAttempt.Equal(o.now) {
		t.Errorf("retry: %+v %v", doc, err)
	}
	o.tried(m, store.Result{State: store.Dead, Outcome: "failed", Detail: "still none"})
	if doc, err = o.Act(t.Context(), documents.Discard, m.InstanceID, "ola", "his order"); err != nil ||
		doc.State != store.Archived || doc.Status != documents.Discarded || doc.Problem != nil {
		t.Errorf("discard: %+v %v", doc, err)
	}
	out := o.submitted("2")
	o.tried(out, store.Result{State: store.Unknown, Outcome: "unknown", Retry: o.now})
	if _, err := o.Act(t.Context(), documents.Cancel, out.ID, "kari",
		"unwanted"); code(err) != fault.ActionImpossible ||
		!strings.Contains(err.Error(), "and may have arrived; possible: retry") {
		t.Errorf("one that may have arrived: %v", err)
	}
	audits, err := o.Store.Audits(t.Context(), tenant, time.Time{}, time.Time{}, 10)
	if err != nil || len(audits) != 2 || audits[0].Actor != "kari" || audits[1].Actor != "ola" ||
		audits[1].Detail != "his order" || audits[1].MessageID != m.ID {
		t.Errorf("audit: %+v %v", audits, err)
	}
}

// One value is looked for in a fixed order, and an id that several documents have is not guessed about.
func TestAPI057Find(t *testing.T) {
	o := newOffice(t)
	first := o.received("A-1")
	second := o.message("A-1")
	second.InstanceID = first.InstanceID
	second, err := o.Store.Accept(t.Context(), tenant, store.Acceptance{Message: second})
	o.must(err)
	third := o.message(first.MessageID) // its number is another's message id, which comes first
	third, err = o.Store.Accept(t.Context(), tenant, store.Acceptance{Message: third})
	o.must(err)
	for value, tc := range map[string]struct {
		by   documents.By
		want []string
	}{
		first.ID:                    {documents.ByID, []string{first.ID}},
		first.MessageID:             {documents.ByMessageID, []string{first.ID}},
		"<" + first.MessageID + ">": {documents.ByMessageID, []string{first.ID}},
		first.InstanceID:            {documents.ByInstanceID, []string{second.ID, first.ID}},
		"A-1":                       {documents.ByNumber, []string{second.ID, first.ID}},
		" A-1 ":                     {documents.ByNumber, []string{second.ID, first.ID}},
		strings.ToUpper(fmt.Sprintf("%x", third.Payload.SHA256)): {documents.ByHash, []string{third.ID}},
		"iso6523-actorid-upis::0192:810418052": {
			documents.ByParticipant,
			[]string{third.ID, second.ID, first.ID},
		},
	} {
		by, page, err := o.Find(t.Context(), value)
		var got []string
		for _, d := range page.Items {
			got = append(got, d.ID)
		}
		if err != nil || by != tc.by || !slices.Equal(got, tc.want) {
			t.Errorf("%s: by %s %v, %v", value, by, got, err)
		}
	}
	if _, _, err := o.Find(t.Context(), "A-2"); code(err) != fault.NoSuchMessage {
		t.Errorf("nothing: %v", err)
	}
	if _, err := o.Show(t.Context(), first.InstanceID); code(err) != fault.BadArguments ||
		!strings.Contains(err.Error(), first.ID) || !strings.Contains(err.Error(), second.ID) {
		t.Errorf("an ambiguous id: %v", err)
	}
	if _, err := o.Show(t.Context(), "A-1"); code(err) != fault.NoSuchMessage {
		t.Errorf("a number is no id: %v", err)
	}
}

// Values that a filter cannot have are errors that name those that it can.
func TestAPI057UnknownFilters(t *testing.T) {
	o := newOffice(t)
	for name, tc := range map[string]struct {
		q    documents.Query
		says string
	}{
		"state":        {documents.Query{States: "DEAD,FOO"}, `no state "FOO": want SUBMITTED`},
		"status":       {documents.Query{Statuses: "done"}, `no status "done": want pending, sent, delivered, failed`},
		"empty state":  {documents.Query{States: "DEAD,"}, `no state ""`},
		"contradicted": {documents.Query{States: "DEAD", Statuses: "sent"}, "no state of DEAD has the status sent"},
		"direction":    {documents.Query{Direction: "up"}, "want in, out"},
		"participant":  {documents.Query{Participant: "991825827"}, "participant"},
		"sender":       {documents.Query{Sender: "0192"}, "sender"},
		"hash":         {documents.Query{Hash: "abcd"}, "64 hexadecimal digits"},
		"limit":        {documents.Query{Limit: 1001}, "want 1 to 1000"},
		"span":         {documents.Query{From: o.now, To: o.now}, "ends before it begins"},
		"no text":      {documents.Query{Number: "a\x00"}, "NUL"},
	} {
		if _, err := o.List(t.Context(), tc.q); code(err) != fault.BadArguments ||
			!strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := o.List(t.Context(), documents.Query{Before: "nobody"}); code(err) != fault.NoSuchMessage {
		t.Errorf("before: %v", err)
	}
	m := o.received("1")
	for name, q := range map[string]documents.Query{
		"status in any case":     {Statuses: "PENDING,failed"},
		"state in any case":      {States: "accepted"},
		"both":                   {States: "ACCEPTED,DEAD", Statuses: "pending"},
		"type with its scheme":   {DocumentType: "busdox-docid-qns::urn:x::Invoice##urn:y::2.1"},
		"type without a version": {DocumentType: "urn:x::Invoice##urn:y"},
	} {
		if page, err := o.List(t.Context(), q); err != nil || len(page.Items) != 1 || page.Items[0].ID != m.ID {
			t.Errorf("%s: %+v %v", name, page, err)
		}
	}
}

// bare takes the details of all rows, as an older program leaves them.
func (o *office) bare() {
	o.Helper()
	eng, err := sqlite.Engine(filepath.Join(o.dir, "ravn.db"))
	o.must(err)
	_, err = eng.Write.ExecContext(o.Context(),
		`UPDATE message SET detailed = 0, document_number = '', verdict = '', fault_code = '', updated = 0`)
	o.must(errors.Join(err, eng.Write.Close(), eng.Read.Close()))
}

// Older rows get their columns, a few in each round, whatever their payloads are like; what another node has is left to
// it.
func TestAPI120Fill(t *testing.T) {
	o := newOffice(t)
	verdict := []store.Evidence{{Kind: store.EvidenceValidation, Bytes: []byte(`{"verdict":"invalid"}`)}}
	plain := o.received("A-1")
	dead := o.received("  " + strings.Repeat("ø", 101))
	o.tried(dead, store.Result{
		State: store.Dead, Outcome: "failed", Code: "RAVN-3105", Detail: "other content",
		Evidence: verdict,
	})
	lost, damaged := o.received("A-3"), o.received("A-4")
	o.must(o.Blobs.Delete(t.Context(), lost.Payload.Key))
	files, err := filepath.Glob(filepath.Join(o.dir, "blobs", "*", damaged.Payload.Key))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	o.must(err)
	o.must(os.WriteFile(files[0], bytes.Replace(text, []byte("A-4"), []byte("A-5"), 1), 0o600))
	o.bare()

	for _, value := range []string{"A-1", "nothing"} {
		if _, _, err := o.Find(t.Context(), value); code(err) != fault.NotYetKnown ||
			fault.ExitOf(err) != fault.Unsure {
			t.Errorf("found %s before it is known: %v", value, err)
		}
		if _, err := o.List(t.Context(), documents.Query{Number: value}); code(err) != fault.NotYetKnown {
			t.Errorf("listed %s before it is known: %v", value, err)
		}
	}
	if by, _, err := o.Find(t.Context(), dead.MessageID); err != nil || by != documents.ByMessageID {
		t.Errorf("what needs no column: %s %v", by, err)
	}
	o.Alone = func(context.Context) (bool, error) { return false, nil }
	next, done, err := o.Fill(t.Context(), "", 3)
	if err != nil || next != lost.ID || done != (documents.Filled{Rows: 2, Passed: 1, LookedAt: 3}) {
		t.Fatalf("first round: %s %+v %v", next, done, err)
	}
	next, done, err = o.Fill(t.Context(), next, 3)
	if err != nil || next != "" || done != (documents.Filled{Rows: 1, Unread: 1, LookedAt: 1}) {
		t.Fatalf("second round: %s %+v %v", next, done, err)
	}
	o.Alone = nil
	if next, done, err = o.Fill(t.Context(), next, 3); err != nil || next != "" ||
		done != (documents.Filled{Rows: 1, Unread: 1, LookedAt: 1}) {
		t.Fatalf("third round: %s %+v %v", next, done, err)
	}
	for id, want := range map[string]store.Message{
		plain.ID: {DocumentNumber: "A-1", Updated: plain.Created},
		dead.ID: {
			DocumentNumber: strings.Repeat("ø", 100), Verdict: "invalid", FaultCode: "RAVN-3105",
			Updated: plain.Created.Add(1500 * time.Millisecond),
		},
		lost.ID: {Updated: lost.Created}, damaged.ID: {Updated: lost.Created},
	} {
		got, err := o.Store.Get(t.Context(), tenant, id)
		if err != nil || got.DocumentNumber != want.DocumentNumber || got.Verdict != want.Verdict ||
			got.FaultCode != want.FaultCode || !got.Updated.Equal(want.Updated) {
			t.Errorf("%s: %q %q %q %v, want %+v, %v", id, got.DocumentNumber, got.Verdict, got.FaultCode, got.Updated,
				want, err)
		}
	}
	if by, page, err := o.Find(t.Context(), strings.Repeat("ø", 150)); err != nil || by != documents.ByNumber ||
		page.Items[0].ID != dead.ID {
		t.Errorf("a long number: %s %v", by, err)
	}
	if _, _, err := o.Find(t.Context(), "nothing"); code(err) != fault.NoSuchMessage {
		t.Errorf("found nothing, and now it is sure: %v", err)
	}
}

// What a round has read is written although its time is over, so that rounds come to an end.
func TestAPI120FillGoesOn(t *testing.T) {
	o := newOffice(t)
	first, second := o.received("A-1"), o.received("A-2")
	o.bare()
	ctx, cancel := context.WithCancel(t.Context())
	o.Blobs = &stopping{Store: o.Blobs, key: second.Payload.Key, stop: cancel}
	next, done, err := o.Fill(ctx, "", 10)
	if !errors.Is(err, context.Canceled) || next != first.ID || done.Rows != 1 {
		t.Fatalf("%s %+v %v", next, done, err)
	}
	if m, err := o.Store.Get(t.Context(), tenant, first.ID); err != nil || m.DocumentNumber != "A-1" {
		t.Errorf("%q %v", m.DocumentNumber, err)
	}
	next, done, err = o.Fill(t.Context(), next, 10)
	if err != nil || next != "" || done.Rows != 1 {
		t.Errorf("%s %+v %v", next, done, err)
	}
}

// stopping ends a context when it is asked for a blob the first time.
type stopping struct {
	blob.Store
	key  string
	stop func()
}

func (s *stopping) Open(ctx context.Context, ref store.BlobRef) (io.ReadCloser, error) {
	if ref.Key == s.key && ctx.Done() != nil && ctx.Err() == nil {
		s.stop()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return s.Store.Open(ctx, ref)
}

// Evidence of what is not whole names what is missing, and has the rest.
func TestAPI059EvidenceOfADamagedDocument(t *testing.T) {
	o := newOffice(t)
	m := o.received("1")
	o.must(o.Blobs.Delete(t.Context(), m.Payload.Key))
	out := filepath.Join(o.dir, "evidence")
	manifest, err := o.Evidence(t.Context(), m.ID, out, "kari")
	o.must(err)
	var names []string
	for _, f := range manifest.Files {
		names = append(names, f.Name)
	}
	want := []string{"request-soap.xml", "answer.http", "receipt.xml", "timeline.json", "README.txt", "manifest.json"}
	if !slices.Equal(names, want) {
		t.Errorf("files %q", names)
	}
	var missing []string
	for _, x := range manifest.Missing {
		missing = append(missing, x.Name+": "+x.Reason)
	}
	if got := strings.Join(missing, "; "); got != "envelope.xml: the stored payload is missing; sbdh.xml: the stored "+
		"payload is missing; document.xml: the stored payload is missing" {
		t.Errorf("missing: %s", got)
	}
	readme, err := os.ReadFile(filepath.Join(out, "README.txt"))
	if err != nil || !strings.Contains(string(readme), "document.xml     missing: the stored payload is missing") {
		t.Errorf("%s %v", readme, err)
	}
}

var ids = regexp.MustCompile(`[0-9a-f]{64}`)

// The text views, as an operator reads them.
func TestAPI055Text(t *testing.T) {
	o := newOffice(t)
	dead := o.received("1187")
	o.tried(dead, store.Result{
		State: store.DeliveryFailed, Outcome: "failed", Detail: "the folder is full",
		Retry: o.now,
	})
	o.tried(dead, store.Result{
		State: store.Dead, Outcome: "failed", Code: "RAVN-3105", Detail: "other content",
		Verdict: "invalid", Evidence: []store.Evidence{
			{Kind: store.EvidenceValidation, Bytes: []byte(`{"verdict":"invalid","pack":"peppol-billing","version":` +
				`"2026.5","findings":[{"rule":"BR-1","flag":"fatal"},{"rule":"W-1","flag":"warning"},{"rule":"W-2",` +
				`"flag":"warning"}]}`)},
		},
	})
	unclear := o.submitted("")
	o.tried(unclear, store.Result{State: store.Unknown, Outcome: "unknown", Detail: "as4: send: timeout", Retry: o.now})
	signal := `<S:Envelope xmlns:S="http://www.w3.org/2003/05/soap-envelope"><S:Header><eb:Messaging ` +
		`xmlns:eb="http://docs.oasis-open.org/ebxml-msg/ebms/v3.0/ns/core/200704/" ` +
		`S:mustUnderstand="true"><eb:SignalMessage><eb:MessageInfo><eb:Timestamp>2026-11-21T02:30:00Z</eb:Timestamp>` +
		`<eb:MessageId>s1@peer.example</eb:MessageId><eb:RefToMessageId>m2@ap.example</eb:RefToMessageId>` +
		`</eb:MessageInfo><eb:Error category="Communication" errorCode="EBMS:0004" severity="failure" ` +
		`shortDescription="Other"><eb:Description xml:lang="en">Nobody ` +
		`here</eb:Description><eb:ErrorDetail>PEPPOL:NOT_SERVICED</eb:ErrorDetail></eb:Error></eb:SignalMessage>` +
		`</eb:Messaging></S:Header><S:Body/></S:Envelope>`
	o.tried(unclear, store.Result{
		State: store.FailedPermanent, Outcome: "refused", Code: "EBMS:0004", Detail: "PEPPOL:NOT_SERVICED",
		Evidence: []store.Evidence{{
			Kind: store.EvidenceAnswerSOAP, ContentType: "application/soap+xml",
			Bytes: []byte(signal),
		}},
	})
	for name, id := range map[string]string{"dead": dead.ID, "unclear": unclear.ID} {
		doc, err := o.Show(t.Context(), id)
		o.must(err)
		golden.Equal(t, "show-"+name+".txt", ids.ReplaceAll([]byte(doc.Text(o.now)+"\n"), []byte("<sha-256>")))
	}
	page, err := o.List(t.Context(), documents.Query{})
	o.must(err)
	var list strings.Builder
	for _, d := range page.Items {
		list.WriteString(d.Line() + "\n")
	}
	golden.Equal(t, "list.txt", []byte(list.String()))
}
