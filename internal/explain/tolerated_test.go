package explain

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/ebms"
	"github.com/ravn-ap/ravn/internal/fault"
)

// remarks returns the rules of what is tolerated, and fails if anything else is reported.
func remarks(t *testing.T, r *Report) []string {
	t.Helper()
	for _, p := range r.Problems {
		if !p.Remark || p.Code != "" || p.Stops {
			t.Errorf("not a remark: %+v", p)
		}
	}
	return rules(r)
}

// in64 puts the payload part of a request into base64.
func in64(t *testing.T, raw []byte) []byte {
	t.Helper()
	i := bytes.LastIndex(raw, []byte("\r\n\r\n")) + 4
	j := bytes.LastIndex(raw, []byte("\r\n--"))
	head := bytes.LastIndex(raw[:i], []byte("binary"))
	if i < 4 || j < i || head < 0 {
		t.Fatal("the request has another shape")
	}
	out := append(bytes.Clone(raw[:head]), "base64"...)
	out = append(out, raw[head+len("binary"):i]...)
	return append(append(out, base64.StdEncoding.EncodeToString(raw[i:j])...), raw[j:]...)
}

// SEC-025, AS4-011, SEC-073, SBDH-039. What the Receiver tolerates, open shows as a remark, and reads the payload all
// the same.
func TestToleratedRequests(t *testing.T) {
	raw := body(t, capture(t, "oxalis-phase4", "request.http"))
	line, _, _ := bytes.Cut(bytes.TrimLeft(raw, "\r\n"), []byte("\r\n"))
	request := func(typ string, body []byte) []byte {
		head := "POST /as4 HTTP/1.1\r\nHost: b\r\nContent-Type: multipart/related; " + typ + `boundary="` +
			string(line[2:]) + `"`
		return append([]byte(fmt.Sprintf("%s\r\nContent-Length: %d\r\n\r\n", head, len(body))), body...)
	}
	const soap = `type="application/soap+xml"; `
	for _, tc := range []struct {
		name  string
		input []byte
		ahead time.Duration
		rules string
	}{
		{"nothing", request(soap, raw), 0, ""},
		{"SEC-025 base64", request(soap, in64(t, raw)), 0, "SEC-025"},
		{"AS4-011 no type", request("", raw), 0, "AS4-011"},
		{"SEC-073 a clock", request(soap, raw), 3 * time.Hour, "SEC-073"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			opt := wireOptions(t, "b")
			var sbd bytes.Buffer
			opt.Payload = &sbd
			first := explain(t, request(soap, raw), opt)
			opt.At = first.UserMessage.Timestamp.Add(-tc.ahead)
			r := explain(t, tc.input, opt)
			if got := strings.Join(remarks(t, r), " "); got != tc.rules || !r.Verdict.OK || !r.Signature.Valid ||
				!r.Payload.Complete {
				t.Errorf("remarks %q, want %q: %+v", got, tc.rules, r.Verdict)
			}
			if tc.rules != "" && !strings.Contains(r.Verdict.Text, "1 thing is tolerated") {
				t.Errorf("verdict %q", r.Verdict.Text)
			}
			var text strings.Builder
			if err := r.WriteText(&text); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text.String(), "What is wrong") ||
				strings.Contains(text.String(), "Remarks:") != (tc.rules != "") {
				t.Errorf("the text has no place for remarks:\n%s", text.String())
			}
		})
	}
	t.Run("SEC-025 malformed base64 is refused", func(t *testing.T) {
		bad := bytes.Replace(in64(t, raw), []byte("base64"), []byte("base64\r\nX: y"), 1)
		i := bytes.LastIndex(bad, []byte("\r\n--"))
		bad[i-3] = '*'
		r := explain(t, request(soap, bad), wireOptions(t, "b"))
		if len(r.Problems) == 0 || r.Problems[0].Rule != "SEC-025" ||
			r.Problems[0].Code != ebms.CodeMimeInconsistency || r.Problems[0].Remark {
			t.Errorf("%+v", r.Problems)
		}
	})
}

// AS4-107 in design.md §3. A receipt in an odd wrapping is judged by what it is, as the Sender judges it.
func TestToleratedReceipts(t *testing.T) {
	request := capture(t, "oxalis-oxalis", "request.http")
	plain := explain(t, capture(t, "oxalis-oxalis", "response.http"), wireOptions(t, "a"))
	whole := capture(t, "oxalis-oxalis", "response.http")
	i, j := bytes.Index(whole, []byte(":Envelope")), bytes.LastIndex(whole, []byte("Envelope>"))
	i = bytes.LastIndexByte(whole[:i], '<')
	soap := whole[i : j+len("Envelope>")]
	answer := func(typ, body string) []byte {
		return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", typ, len(body), body)
	}
	part := "--B\nContent-Type: text/xml\n\n" + string(soap) + "\n--B\nContent-Type: text/plain\n\nhello\n--B--\n"
	for name, input := range map[string][]byte{
		"text/html":        answer("Content-Type: text/html\r\n", string(soap)),
		"no type":          answer("", "\r\n"+string(soap)),
		"LF and two parts": answer("Content-Type: multipart/related; boundary=B\r\n", part),
		"no end": answer("Content-Type: multipart/mixed; boundary=B\r\n",
			strings.TrimSuffix(part, "--B--\n")),
	} {
		t.Run(name, func(t *testing.T) {
			opt := wireOptions(t, "a")
			opt.Request = request
			r := explain(t, input, opt)
			remarks(t, r)
			if !r.Verdict.OK || r.Receipt == nil || r.Receipt.Matches == nil || !*r.Receipt.Matches ||
				r.HTTP.Status != http.StatusOK {
				t.Fatalf("%+v %+v", r.Verdict, r.Problems)
			}
			if r.Signature.Signer.SHA256 != plain.Signature.Signer.SHA256 {
				t.Errorf("signer %+v", r.Signature.Signer)
			}
			bad := bytes.Replace(input, []byte("<eb:RefToMessageId>"), []byte("<eb:RefToMessageId>x"), 1)
			bad = bytes.Replace(bad, fmt.Appendf(nil, "Content-Length: %d", contentLength(input)),
				fmt.Appendf(nil, "Content-Length: %d", contentLength(input)+1), 1)
			if r := explain(t, bad, opt); r.Verdict.Code != fault.SignatureInvalid {
				t.Errorf("a changed receipt: %+v", r.Verdict)
			}
		})
	}
}

func contentLength(answer []byte) int {
	_, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	return len(body)
}

// AS4-110 in design.md §3. An error whose security header is not understood is an unsigned error.
func TestToleratedError(t *testing.T) {
	w, _ := newWorld(t)
	e := ebms.Messaging{Signal: &ebms.Signal{
		ID: "e@b.example", Timestamp: time.Now(),
		Errors: []*ebms.Error{{Code: ebms.CodeOther}},
	}}
	soap, err := wssec.SignSignal(wssec.EDelivery1, wssec.Identity{Key: w.b.Key, Cert: w.b.Cert},
		wssec.Element{ID: "m", Bytes: e.Bytes("m")})
	if err != nil {
		t.Fatal(err)
	}
	soap = bytes.ReplaceAll(soap, []byte("#X509v3"), []byte("#X509PKIPathv1"))
	r := explain(t,
		fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: %d\r\n\r\n%s",
			len(soap), soap), Options{})
	if !r.Verdict.OK || !strings.Contains(r.Verdict.Text, "an unsigned error") || len(r.Errors) != 1 ||
		r.Errors[0].Code != ebms.CodeOther || r.Signature.Valid {
		t.Errorf("%+v %+v", r.Verdict, r.Problems)
	}
}
