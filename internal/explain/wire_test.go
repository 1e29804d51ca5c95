package explain

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/golden"
)

// recorded is the time at which captures are judged.
var recorded = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)

func capture(t testing.TB, dir, file string) []byte {
	t.Helper()
	return golden.Read(t, "wire/"+dir+"/"+file)
}

// wireOptions believe the CA of the captures and hold one of its keys.
func wireOptions(t testing.TB, key string) Options {
	t.Helper()
	anchors, err := certs.ParseAnchors(append(golden.Read(t, "wire/keys/apca.pem"),
		golden.Read(t, "wire/keys/root.pem")...))
	if err != nil {
		t.Fatal(err)
	}
	id, err := certs.LoadPEM(golden.Shared(t, "wire/keys/"+key+".pem"), golden.Shared(t, "wire/keys/"+key+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return Options{Keys: certs.NewKeyring(id), Anchors: anchors, At: recorded}
}

func explain(t testing.TB, input []byte, opt Options) *Report {
	t.Helper()
	r, err := Explain(input, opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteText(io.Discard); err != nil {
		t.Fatal(err)
	}
	return r
}

// rules returns the rules that are broken, in order.
func rules(r *Report) []string {
	var out []string
	for _, p := range r.Problems {
		out = append(out, p.Rule)
	}
	return out
}

func wantRules(t *testing.T, r *Report, want ...string) {
	t.Helper()
	if got := rules(r); !slices.Equal(got, want) {
		t.Errorf("broken rules %v, want %v: %+v", got, want, r.Problems)
	}
}

// body returns the body of a captured message without chunks.
func body(t testing.TB, raw []byte) []byte {
	t.Helper()
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRequests(t *testing.T) {
	for _, tc := range []struct {
		dir, key, trust string
		class           certs.Class
		rules           []string
	}{
		{"phase4-phase4", "b", TrustGiven, certs.Valid, nil},
		{"oxalis-oxalis", "b", TrustGiven, certs.Valid, nil},
		{"oxalis-phase4", "b", TrustGiven, certs.Valid, nil},
		{"ping-oxalis-oxalis", "b", TrustGiven, certs.Valid, nil},
		{"err-wrongkey-phase4-oxalis", "a", TrustGiven, certs.Valid, nil},
		{"err-otherca-oxalis-oxalis", "b", TrustUnknown, certs.UnsupportedIssuer, []string{"AS4-068"}},
	} {
		t.Run(tc.dir, func(t *testing.T) {
			opt := wireOptions(t, tc.key)
			var sbd bytes.Buffer
			opt.Payload = &sbd
			r := explain(t, capture(t, tc.dir, "request.http"), opt)
			if !r.Verdict.OK || !r.Signature.Valid || r.HTTP.Kind != KindRequest || r.HTTP.Method != "POST" ||
				len(r.MIME.Parts) != 2 {
				t.Fatalf("%+v %+v", r.Verdict, r.Signature)
			}
			if len(r.Signature.References) != 3 {
				t.Errorf("%d references", len(r.Signature.References))
			}
			for _, ref := range r.Signature.References {
				if ref.OK == nil || !*ref.OK {
					t.Errorf("reference %+v", ref)
				}
			}
			if c := r.Certificate; c.Seat != "PNO000001" || c.Trust != tc.trust || c.Class != tc.class ||
				c.ClassAtMessage != tc.class || !c.ValidNow || !*c.ValidAtMessage {
				t.Errorf("certificate %+v", c)
			}
			if m := r.UserMessage; !m.Verified || m.From.ID.Value != "PNO000001" ||
				m.Test != strings.HasPrefix(tc.dir, "ping") {
				t.Errorf("user message %+v", m)
			}
			if e := r.Encryption; e.Decryptable == nil || !*e.Decryptable || e.Recipient.By != "certificate" {
				t.Errorf("encryption %+v", e)
			}
			if s := r.SBDH; !s.OK || s.Sender != "iso6523-actorid-upis::0192:123456785" || s.CountryC1 != "NO" ||
				s.Type != "Invoice" {
				t.Errorf("envelope %+v", s)
			}
			if p := r.Payload; !p.Complete || p.RootElement != "Invoice" || p.Bytes != int64(sbd.Len()) {
				t.Errorf("payload %+v", p)
			}
			wantRules(t, r, tc.rules...)
			if !strings.HasPrefix(tc.dir, "err") && !bytes.Equal(sbd.Bytes(), capture(t, tc.dir, "payload.xml")) {
				t.Error("the payload differs from payload.xml")
			}
		})
	}
}

func TestRequestWithoutItsKey(t *testing.T) {
	for name, opt := range map[string]Options{
		"no key was given":               {At: recorded},
		"the keys given are not the one": wireOptions(t, "a"),
	} {
		r := explain(t, capture(t, "phase4-phase4", "request.http"), opt)
		if !r.Verdict.OK || !r.Signature.Valid || r.Encryption.Decryptable != nil ||
			!strings.HasPrefix(r.Encryption.Reason, name) || r.Payload != nil {
			t.Errorf("%s: %+v %+v", name, r.Verdict, r.Encryption)
		}
		if last := r.Signature.References[2]; last.OK != nil || last.Target != "attachment" {
			t.Errorf("attachment: %+v", last)
		}
		if id := r.Encryption.Recipient.Identity; id.Seat != "PNO000002" || id.Serial == "" {
			t.Errorf("recipient %+v", id)
		}
	}
}

func TestReceipts(t *testing.T) {
	for _, dir := range []string{"phase4-phase4", "oxalis-oxalis", "oxalis-phase4", "ping-oxalis-oxalis"} {
		t.Run(dir, func(t *testing.T) {
			opt := wireOptions(t, "b")
			opt.Request = capture(t, dir, "request.http")
			r := explain(t, capture(t, dir, "response.http"), opt)
			if !r.Verdict.OK || !r.Signature.Valid || r.HTTP.Status != 200 || r.SOAP.Message != MessageReceipt ||
				r.Receipt.Matches == nil || !*r.Receipt.Matches {
				t.Fatalf("%+v %+v %+v", r.Verdict, r.Signature, r.Receipt)
			}
			if len(r.Receipt.References) != 3 || r.Certificate.Seat != "PNO000002" || r.UserMessage != nil ||
				r.Encryption != nil {
				t.Errorf("%+v %+v", r.Receipt, r.Certificate)
			}
			wantRules(t, r)
		})
	}
}

// AS4-107, AS4-108. A receipt compared with something that it does not answer.
func TestReceiptDoesNotMatch(t *testing.T) {
	opt := wireOptions(t, "b")
	receipt := capture(t, "oxalis-oxalis", "response.http")
	for name, tc := range map[string]struct {
		request []byte
		want    string
	}{
		"another request":  {capture(t, "oxalis-phase4", "request.http"), "the receipt is for"},
		"no request":       {receipt, "not a user message"},
		"nothing readable": {[]byte("<html/>"), "cannot be read"},
		"a changed request": {bytes.Replace(capture(t, "oxalis-oxalis", "request.http"), []byte("ConversationId>"),
			[]byte("ConversationId >"), 1), "cannot be read"},
		"a request tampered": {bytes.Replace(capture(t, "oxalis-oxalis", "request.http"), []byte("0192:123456785"),
			[]byte("0192:123456786"), 1), "is not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			opt.Request = tc.request
			r := explain(t, receipt, opt)
			if r.Receipt.Matches == nil || *r.Receipt.Matches || !strings.Contains(r.Receipt.Reason, tc.want) {
				t.Errorf("%+v", r.Receipt)
			}
			if r.Verdict.OK || r.Verdict.Code != fault.ReceiptInvalid || r.Verdict.Exit() != fault.Negative ||
				!r.Signature.Valid {
				t.Errorf("%+v", r.Verdict)
			}
			wantRules(t, r, "AS4-108")
		})
	}
}

// AS4-110, as4.md §15.7. Unsigned errors of Oxalis are explained.
func TestUnsignedErrors(t *testing.T) {
	for _, tc := range []struct {
		dir, code, meaning string
		notServiced        bool
		rules              []string
	}{
		{
			"err-otherca-oxalis-oxalis", "EBMS:0009", "does not trust the sender's certificate", false,
			[]string{"AS4-113", "AS4-097"},
		},
		{"err-wrongkey-phase4-oxalis", "EBMS:0004", "Oxalis also answers NOT_SERVICED", true, []string{"AS4-113"}},
	} {
		t.Run(tc.dir, func(t *testing.T) {
			r := explain(t, capture(t, tc.dir, "response.http"), wireOptions(t, "b"))
			if !r.Verdict.OK || r.Verdict.Exit() != fault.OK || r.Signature.Valid || r.Signature.Signed ||
				r.HTTP.Status != 500 || len(r.Errors) != 1 {
				t.Fatalf("%+v %+v", r.Verdict, r.Errors)
			}
			e := r.Errors[0]
			if string(e.Code) != tc.code || e.NotServiced != tc.notServiced ||
				!strings.Contains(e.Meaning, tc.meaning) || e.Blame == "" || e.Next == "" {
				t.Errorf("%+v", e)
			}
			wantRules(t, r, tc.rules...)
		})
	}
}

func TestGolden(t *testing.T) {
	for name, tc := range map[string]struct{ dir, file, request string }{
		"request":       {"oxalis-phase4", "request.http", ""},
		"receipt":       {"phase4-phase4", "response.http", "request.http"},
		"error":         {"err-wrongkey-phase4-oxalis", "response.http", ""},
		"other-ca":      {"err-otherca-oxalis-oxalis", "request.http", ""},
		"test-service":  {"ping-oxalis-oxalis", "request.http", ""},
		"oxalis-answer": {"oxalis-oxalis", "response.http", ""},
	} {
		t.Run(name, func(t *testing.T) {
			opt := wireOptions(t, "b")
			if tc.request != "" {
				opt.Request = capture(t, tc.dir, tc.request)
			}
			r := explain(t, capture(t, tc.dir, tc.file), opt)
			var text, js bytes.Buffer
			if err := r.WriteText(&text); err != nil {
				t.Fatal(err)
			}
			enc := json.NewEncoder(&js)
			enc.SetIndent("", " ")
			enc.SetEscapeHTML(false)
			if err := enc.Encode(r); err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, name+".txt", text.Bytes())
			golden.Equal(t, name+".json", js.Bytes())
		})
	}
}

// The same message as tools store it: without start line, without chunks, without the headers.
func TestForms(t *testing.T) {
	raw := capture(t, "oxalis-phase4", "request.http")
	inner := body(t, raw)
	head, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	_, fields, _ := bytes.Cut(head, []byte("\r\n"))
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, []byte("\r\n\r\n")) }
	zipped := capture(t, "phase4-phase4", "response.http")
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(zipped)), nil)
	if err != nil {
		t.Fatal(err)
	}
	gz, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	plain := gunzip(t, gz)
	zhead, _, _ := bytes.Cut(zipped, []byte("\r\n\r\n"))
	for name, tc := range map[string]struct {
		input []byte
		kind  string
		notes int
	}{
		"body of a request":          {inner, KindBody, 0},
		"headers without start line": {join(fields, inner), KindHeaders, 1},
		"chunked header, whole body": {join(head, inner), KindRequest, 1},
		"with bytes behind the end": {append(bytes.Replace(join(head, inner), []byte("Transfer-encoding: chunked"),
			[]byte("Content-Length: 13613"), 1), "POST"...), KindRequest, 1},
		"body of an answer":            {plain, KindBody, 0},
		"gzip header, plain body":      {join(zhead, plain), KindResponse, 2},
		"gzip body without its chunks": {join(zhead, gz), KindResponse, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := explain(t, tc.input, wireOptions(t, "b"))
			if !r.Verdict.OK || !r.Signature.Valid || r.HTTP.Kind != tc.kind || len(r.HTTP.Notes) != tc.notes {
				t.Errorf("%+v %+v", r.Verdict, r.HTTP)
			}
		})
	}
	t.Run("SOAP part alone", func(t *testing.T) {
		i, j := bytes.Index(inner, []byte("<env:Envelope")), bytes.LastIndex(inner, []byte("</env:Envelope>"))
		r := explain(t, inner[i:j+15], wireOptions(t, "b"))
		if !r.Verdict.OK || !r.Signature.Valid || r.MIME.Multipart || r.Signature.References[2].OK != nil ||
			r.Payload != nil {
			t.Errorf("%+v %+v", r.Verdict, r.Signature)
		}
		wantRules(t, r)
	})
}
