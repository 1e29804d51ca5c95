package as4

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4/intake"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol"
)

// in64 puts the payload part of a body into base64, in lines as MIME has them.
func in64(t testing.TB, lineEnd string) func([]byte) []byte {
	return func(body []byte) []byte {
		t.Helper()
		i := bytes.LastIndex(body, []byte("\r\n\r\n")) + 4
		j := bytes.LastIndex(body, []byte("\r\n--"))
		head := bytes.LastIndex(body[:i], []byte("binary"))
		if i < 4 || j < i || head < 0 {
			t.Fatal("the message has another shape")
		}
		out := append(bytes.Clone(body[:head]), "base64"...)
		out = append(out, body[head+len("binary"):i]...)
		text := base64.StdEncoding.EncodeToString(body[i:j])
		for len(text) > 76 && lineEnd != "" {
			out, text = append(append(out, text[:76]...), lineEnd...), text[76:]
		}
		return append(append(out, text...), body[j:]...)
	}
}

// design.md §3. What is tolerated is taken, named, and changes nothing of what the receipt repeats or C4 gets.
func TestToleratedMessages(t *testing.T) {
	const plain = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##::3.0.1"
	for _, tc := range []struct {
		name   string
		change func(*draft)
		rx     func(*Receiver)
		names  []string
		warns  int
	}{
		{"nothing", func(*draft) {}, nil, nil, 0},
		{"AS4-023 base64 in one line", func(d *draft) { d.body = in64(t, "") }, nil, []string{ToleratedBase64}, 1},
		{"AS4-023 base64 in lines", func(d *draft) { d.body = in64(t, "\r\n") }, nil, []string{ToleratedBase64}, 1},
		{"AS4-023 base64 in lines of LF", func(d *draft) { d.body = in64(t, "\n") }, nil, []string{ToleratedBase64}, 1},
		{"AS4-011 no type", func(d *draft) {
			d.typ = func(s string) string { return strings.Replace(s, `type="application/soap+xml"; `, "", 1) }
		}, nil, []string{ToleratedUntyped}, 1},
		{"SEC-073 nine minutes ahead", func(d *draft) { d.m.Timestamp = time.Now().Add(9 * time.Minute) }, nil, nil, 0},
		{
			"SEC-073 a clock ahead", func(d *draft) { d.m.Timestamp = time.Now().Add(24 * time.Hour) }, nil,
			[]string{ToleratedClock},
			1,
		},
		{"AS4-036 RefToMessageId", func(d *draft) {
			d.messaging = replace(t, "</eb:MessageInfo>", "<eb:RefToMessageId>x@y</eb:RefToMessageId></eb:MessageInfo>")
		}, nil, []string{ToleratedRefTo}, 1},
		{
			"AS4-035 a MessageId", func(d *draft) { d.m.ID = "no-at-sign" },
			func(rx *Receiver) { rx.Lenient = true },
			[]string{ToleratedMessageID},
			1,
		},
		{"SBDH-039 optional elements", func(d *draft) {
			const name = "sh:CreationDateAndTime>"
			d.sbd = replace(t, "<"+name, "<sh:MultipleType>false</sh:MultipleType><"+name)(d.sbd)
		}, nil, []string{ToleratedEnvelope}, 1},
		{"DISC-103 no customization", func(d *draft) {
			bare := func(id string) []byte { return []byte(strings.TrimPrefix(id, "busdox-docid-qns::")) }
			d.sbd = bytes.ReplaceAll(d.sbd, bare(testDocType), bare(plain))
			d.sbd = replace(t, "<sh:TypeVersion>2.1<", "<sh:TypeVersion>3.0.1<")(d.sbd)
			d.m.Action = plain
		}, nil, []string{ToleratedNoCustomization}, 1},
		{"several", func(d *draft) {
			d.body, d.m.Timestamp = in64(t, "\r\n"), time.Now().Add(time.Hour)
		}, nil, []string{ToleratedClock, ToleratedBase64}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newArena(t)
			if tc.rx != nil {
				tc.rx(a.rx)
			}
			d := newDraft(t)
			tc.change(d)
			r := a.post(t, d)
			if r.signal == nil || r.signal.Receipt == nil || !r.signed {
				t.Fatalf("refused: %v at %s", r.x.Err, r.x.Step)
			}
			if !slices.Equal(r.x.Tolerated, tc.names) || len(r.x.Warnings) != tc.warns {
				t.Errorf("tolerated %q, want %q; warnings %q", r.x.Tolerated, tc.names, r.x.Warnings)
			}
			key := DuplicateKey{"POP900001", d.m.ID}
			in := a.mem.accepted[key]
			if in == nil || !bytes.Equal(a.mem.bodies[key], d.sbd) || !slices.Equal(in.Tolerated, tc.names) {
				t.Fatalf("stored: %+v", in)
			}
			if err := MatchReceipt(r.signal.Receipt, in.References); err != nil {
				t.Error(err)
			}
			a.clean(t, 1)
		})
	}
}

// SEC-025. What base64 does not change: who is asked for it, what is refused, and in which order.
func TestSEC025Refused(t *testing.T) {
	bad := func(change func([]byte) []byte) func(*draft) {
		return func(d *draft) { d.body = func(b []byte) []byte { return change(in64(t, "\r\n")(b)) } }
	}
	end := []byte("\r\n--")
	sign := func(c byte) func(*draft) { // in the middle of the text
		return bad(func(b []byte) []byte { b[bytes.LastIndex(b, end)-9] = c; return b })
	}
	inconsistent := want{code: ebms.CodeMimeInconsistency}
	for _, tc := range []struct {
		name   string
		change func(*draft)
		rx     func(*Receiver)
		want   want
	}{
		{
			"SEC-025 switched off", func(d *draft) { d.body = in64(t, "") },
			func(rx *Receiver) { rx.RefuseBase64 = true },
			inconsistent,
		},
		{"SEC-025 another alphabet", sign('_'), nil, inconsistent},
		{"SEC-025 a blank", sign(' '), nil, inconsistent},
		{"SEC-025 cut", bad(func(b []byte) []byte {
			i := bytes.LastIndex(b, end)
			return append(b[:i-1:i-1], b[i:]...)
		}), nil, inconsistent},
		{"SEC-025 quoted-printable", func(d *draft) {
			d.body = func(b []byte) []byte {
				i := bytes.LastIndex(b, []byte("binary"))
				return append(append(bytes.Clone(b[:i]), "quoted-printable"...), b[i+len("binary"):]...)
			}
		}, nil, inconsistent},
		{"SEC-025 the SOAP part", func(d *draft) {
			d.body = func(b []byte) []byte { return bytes.Replace(b, []byte("binary"), []byte("base64"), 1) }
		}, nil, inconsistent},
		{"AS4-083 another octet inside", bad(func(b []byte) []byte {
			i := bytes.LastIndex(b, end) - 12
			if b[i] = 'A' + (b[i]-'A'+1)%26; b[i] < 'A' {
				b[i] = 'A'
			}
			return b
		}), nil, want{code: ebms.CodeFailedDecryption, decrypts: 1}},
		{"SEC-022 strangers are told nothing of it", func(d *draft) {
			sign('_')(d)
			d.soap = replace(t, "wsu:Id=\"msg-", "wsu:Id=\"msg_")
		}, nil, want{code: ebms.CodeFailedAuthentication}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := newArena(t)
			if tc.rx != nil {
				tc.rx(a.rx)
			}
			d := newDraft(t)
			tc.change(d)
			tc.want.verdict(t, a.post(t, d))
			if n := a.decrypts.Load(); n != tc.want.decrypts {
				t.Errorf("%d private operations", n)
			}
			a.clean(t, 0)
		})
	}
}

// SEC-011, SEC-025. Base64 widens no limit: octets count as received for the size of a request, and as decoded in the
// spool; memory does not grow with either.
func TestSEC025Limits(t *testing.T) {
	noise := rand.NewChaCha8([32]byte{11})
	large := make([]byte, 6<<20)
	_, _ = noise.Read(large) // never fails
	d := newDraft(t)
	d.sbd = replace(t, "<ID>1<", "<ID>"+base64.StdEncoding.EncodeToString(large)+"<")(d.sbd)
	raw := newDraft(t)
	raw.m, raw.sbd, raw.cid = d.m, d.sbd, d.cid
	d.body = in64(t, "\r\n")
	contentType, body := d.build(t)
	_, plain := raw.build(t)

	t.Run("as received", func(t *testing.T) {
		limit := int64(len(plain)+len(body)) / 2 // the octets would fit, what came does not
		a := newArena(t, func(rx *Receiver) { rx.MaxBytes = limit })
		res := unmeasured(t, a, contentType, body)
		if res != http.StatusRequestEntityTooLarge {
			t.Errorf("HTTP %d", res)
		}
		a.clean(t, 0)
	})
	t.Run("as decoded in the spool", func(t *testing.T) {
		room := int64(len(plain)+len(body)) / 2 // what came would not fit, its octets do
		a := newArena(t, func(rx *Receiver) {
			rx.Intake = &intake.Gate{All: intake.Limits{Spool: room}, Source: intake.Limits{Spool: room}}
		})
		if res := unmeasured(t, a, contentType, body); res != http.StatusOK {
			t.Errorf("HTTP %d", res)
		}
		small := newArena(t, func(rx *Receiver) { rx.Intake = &intake.Gate{All: intake.Limits{Spool: 4 << 20}} })
		if res := unmeasured(t, small, contentType, body); res != http.StatusServiceUnavailable {
			t.Errorf("HTTP %d when the octets do not fit", res)
		}
		small.clean(t, 0)
	})
	t.Run("a bomb", func(t *testing.T) {
		a, bomb := newArena(t), newDraft(t)
		bomb.payload, bomb.body = zip(append(bytes.Clone(bomb.sbd), bytes.Repeat([]byte(" "), 64<<20)...)),
			in64(t, "\r\n")
		a.rx.Handler = &uncounted{memory: a.mem}
		badGzip.verdict(t, a.post(t, bomb))
	})
	t.Run("memory", func(t *testing.T) {
		a := newArena(t)
		a.rx.Handler = dropping{a.mem}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if res := unmeasured(t, a, contentType, body); res != http.StatusOK {
			t.Errorf("HTTP %d", res)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 6<<20 && !golden.Race {
			t.Errorf("%d octets of memory for a message of %d", used, len(body))
		}
	})
}

// dropping is a Handler that keeps nothing.
type dropping struct{ *memory }

func (dropping) Place(context.Context, string) (Place, error) { return &nowhere{}, nil }
func (dropping) Accept(context.Context, *Inbound) error       { return nil }

// unmeasured posts without a Content-Length and returns the status.
func unmeasured(t *testing.T, a *arena, contentType string, body []byte) int {
	t.Helper()
	res, err := http.Post("http://"+a.addr+"/as4", contentType, io.MultiReader(bytes.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	<-a.done
	return res.StatusCode
}

// AS4-128, AS4-129, AS4-131 in design.md §3. A repeat whose header was rebuilt is opened and checked, gets a receipt
// over what it signed, and is no second message.
func TestAS4128Rebuilt(t *testing.T) {
	a, d := newArena(t), newDraft(t)
	first := a.post(t, d)
	if first.signal == nil || first.signal.Receipt == nil {
		t.Fatal(first.x.Err)
	}
	decrypts := a.decrypts.Load()

	again := *d
	header := *d.m
	again.m = &header
	again.m.Timestamp, again.m.ConversationID = time.Now().Add(time.Second), "another"
	r := a.post(t, &again)
	if r.signal == nil || r.signal.Receipt == nil || !r.signed || !r.x.Duplicate || r.x.ID != "first" {
		t.Fatalf("no receipt: %v, %+v", r.x.Err, r.x)
	}
	tolerated := slices.Equal(r.x.Tolerated, []string{ToleratedRebuilt})
	if !tolerated || len(a.mem.repeats) != 1 || a.decrypts.Load() != decrypts+1 {
		t.Errorf("tolerated %q, %d kept, %d decrypted", r.x.Tolerated, len(a.mem.repeats), a.decrypts.Load()-decrypts)
	}
	kept := a.mem.repeats[0]
	if err := MatchReceipt(r.signal.Receipt, kept.References); err != nil {
		t.Errorf("the receipt is not for the repeat: %v", err)
	}
	if MatchReceipt(first.signal.Receipt, kept.References) == nil {
		t.Error("the first receipt fits as well: nothing was rebuilt")
	}
	if !bytes.Equal(kept.Answer.Body, r.body) || len(kept.SOAP) == 0 || kept.Own == nil {
		t.Error("what is kept is not what was answered")
	}
	a.clean(t, 1)

	for _, tc := range []struct {
		name   string
		change func(*draft)
		want   want
	}{
		{
			"AS4-131 another payload", func(d *draft) { d.sbd = replace(t, "<ID>1<", "<ID>2<")(d.sbd) },
			want{code: ebms.CodeValueInconsistent, step: StepKnown, detail: "MessageId reused with different content"},
		},
		{"AS4-047 a header that contradicts the envelope", func(d *draft) {
			other := ebms.Property{Name: propRecipient, Type: peppol.SchemeParticipant, Value: "0192:991825827"}
			d.m.Properties = []ebms.Property{d.m.Properties[0], other}
		}, want{code: ebms.CodeOther, step: StepEnvelope, detail: "*"}},
		{
			"AS4-083 a payload that is not there",
			func(d *draft) { d.cipher = func(b []byte) []byte { b[20] ^= 1; return b } },
			want{code: ebms.CodeFailedDecryption, step: StepDecrypt},
		},
		{
			"AS4-049 a property left out", func(d *draft) { d.m.Parts = []ebms.Part{{Href: d.m.Parts[0].Href}} },
			want{code: ebms.CodeInvalidHeader, step: StepKnown, detail: "*"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			next := again
			m := *again.m
			next.m = &m
			tc.change(&next)
			tc.want.verdict(t, a.post(t, &next))
			if len(a.mem.repeats) != 1 {
				t.Error("a receipt was kept for it")
			}
			a.clean(t, 1)
		})
	}
}

// AS4-118, AS4-032. What we refuse says why: HTTP 400 in one phrase, EBMS:0009 with the element.
func TestAS4118Why(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*draft)
		says   string
	}{
		{"AS4-118 LF line ends", func(d *draft) {
			d.body = func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }
		}, "a delimiter is followed by something else than CRLF"},
		{"AS4-118 no end", func(d *draft) {
			d.body = func(b []byte) []byte { return b[:len(b)-20] }
		}, "ends before its closing delimiter"},
		{"AS4-118 a DTD", func(d *draft) {
			d.soap = func(b []byte) []byte { return append([]byte("<!DOCTYPE a>"), b...) }
		}, "the SOAP part is not acceptable XML: line 1"},
		{"AS4-118 no boundary", func(d *draft) {
			d.typ = func(string) string { return `multipart/related; type="application/soap+xml"` }
		}, "boundary is missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, d := newArena(t), newDraft(t)
			tc.change(d)
			r := a.post(t, d)
			if r.status != http.StatusBadRequest || !strings.Contains(string(r.body), tc.says) ||
				bytes.Count(r.body, []byte("\n")) != 1 {
				t.Errorf("HTTP %d %q", r.status, r.body)
			}
		})
	}
	long := strings.Repeat("x", 99)
	for _, tc := range []struct{ old, text, says string }{
		{"<eb:ConversationId>c@a.example</eb:ConversationId>", "", "want ConversationId inside CollaborationInfo"},
		{"<eb:Timestamp>", "<eb:Timestamp>x", "Timestamp is not an xs:dateTime"},
		{"</eb:MessageInfo>", "<eb:Extra></eb:Extra></eb:MessageInfo>", "unexpected Extra inside MessageInfo"},
		{
			"</eb:MessageInfo>", "<eb:" + long + "></eb:" + long + "></eb:MessageInfo>",
			"unexpected element inside MessageInfo",
		},
		{`name="originalSender"`, `name="finalRecipient"`, "MessageProperties has a Property without name, or twice"},
	} {
		t.Run("AS4-032 "+tc.says, func(t *testing.T) {
			a, d := newArena(t), newDraft(t)
			d.messaging = replace(t, tc.old, tc.text)
			r := a.post(t, d)
			want{code: ebms.CodeInvalidHeader, detail: fmt.Sprintf("Invalid ebMS header: %s", tc.says)}.verdict(t, r)
		})
	}
}
