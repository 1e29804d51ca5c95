package as4

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/as4/wssec"
	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/ebms"
)

// rawAnswer writes an HTTP answer.
func rawAnswer(status int, headers, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, headers,
		len(body), body)
}

// peer answers one POST with a script: it gets the connection after the request was read, or before when early.
func peer(t *testing.T, early bool, script func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // ends the loop
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if !early {
				if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.Copy(io.Discard, req.Body) // a broken request shows at the other end
				}
			}
			script(conn)
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String() + "/as4"
}

func reset(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }

func hostileSender(t *testing.T) *Sender {
	t.Helper()
	return &Sender{
		Trust: certs.NewVerifier(shared(t).Anchors(), certs.Unchecked{}), Host: "a.example", Spool: t.TempDir(),
		Agent: "test",
		HTTP: &http.Client{
			Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

const sentID = ebms.MessageID("sent@a.example")

func sentRefs() []ebms.Reference {
	return []ebms.Reference{
		{URI: "#msg", Transforms: []string{"urn:c14n"}, Method: "urn:sha256", Value: bytes.Repeat([]byte{1}, 32)},
		{URI: "cid:x", Transforms: []string{"urn:swa"}, Method: "urn:sha256", Value: bytes.Repeat([]byte{2}, 32)},
	}
}

func toPeer(t *testing.T, url string) Request {
	t.Helper()
	return Request{
		Peer: Peer{URL: url, Cert: seat(t, "b").Cert}, MessageID: sentID, ContentType: "application/octet-stream",
		Body: strings.NewReader("x"), Length: 1, Digests: FormatDigests(sentRefs()), Attempt: 1,
	}
}

// F-12, F-13: answers without a signal.
func TestSenderHostileTransport(t *testing.T) {
	answer := func(status int, headers, body string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, rawAnswer(status, headers, body)) }
	}
	soapType := "Content-Type: application/soap+xml\r\n"
	for _, tc := range []struct {
		name    string
		script  func(net.Conn)
		outcome Outcome
		status  int
		retry   time.Duration
		kept    bool // the answer is evidence
	}{
		{"AS4-120 200 empty", answer(200, "", ""), Unknown, 200, 0, false},
		{"AS4-120 200 SOAP but empty", answer(200, soapType, ""), Unknown, 200, 0, false},
		{"AS4-116 202", answer(202, "", ""), Unknown, 202, 0, false},
		{
			"AS4-116 204", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 204 X\r\nConnection: close\r\n\r\n") },
			Unknown, 204, 0, false,
		},
		{"AS4-010 301", answer(301, "Location: http://127.0.0.1:1/\r\n", "moved"), TurnedAway, 301, 0, true},
		{"F-13 400", answer(400, "Content-Type: text/plain\r\n", "no"), TurnedAway, 400, 0, true},
		{"F-13 401", answer(401, "", "no"), TurnedAway, 401, 0, true},
		{"F-13 404", answer(404, "", "no"), TurnedAway, 404, 0, true},
		{"F-13 408", answer(408, "", "no"), Later, 408, 0, true},
		{"REL-023 413 is for good", answer(413, "", "no"), Refused, 413, 0, true},
		{"AS4-118 405", answer(405, "", "no"), TurnedAway, 405, 0, true},
		{"REL-023 429 with Retry-After", answer(429, "Retry-After: 17\r\n", "no"), Later, 429, 17 * time.Second, true},
		{
			"REL-023 429 with a long Retry-After", answer(429, "Retry-After: 100000\r\n", "no"), Later, 429, time.Hour,
			true,
		},
		{"REL-023 429 with a senseless Retry-After", answer(429, "Retry-After: -5\r\n", "no"), Later, 429, 0, true},
		{
			"REL-023 429 until a date", answer(429,
				"Date: Mon, 30 Nov 2026 10:00:00 GMT\r\nRetry-After: Mon, 30 Nov 2026 10:02:00 GMT\r\n", "no"), Later,
			429,
			2 * time.Minute, true,
		},
		{"F-13 500", answer(500, "", "oops"), Unknown, 500, 0, true},
		{"F-13 503", answer(503, "Retry-After: 3\r\n", "no"), Later, 503, 3 * time.Second, true},
		{
			"AS4-120 HTML with 200", answer(200, "Content-Type: text/html\r\n", "<html>502</html>"), Unknown, 200, 0,
			true,
		},
		{"F-13 SOAP that is no XML", answer(200, soapType, "hello"), Unknown, 200, 0, true},
		{
			"F-13 a SOAP fault", answer(500, soapType,
				`<S:Envelope xmlns:S="http://www.w3.org/2003/05/soap-envelope"><S:Body><S:Fault/></S:Body>`+
					"</S:Envelope>"),
			Unknown, 500, 0, true,
		},
		{"SEC-113 an oversized answer", answer(200, soapType, strings.Repeat(" ", maxAnswer+1)), Unknown, 200, 0, true},
		{
			"SEC-113 a gzip answer that is a bomb",
			answer(200, soapType+"Content-Encoding: gzip\r\n", string(zip(make([]byte, 8<<20)))), Unknown, 200, 0,
			true,
		},
		{
			"F-13 a gzip answer that is none", answer(200, soapType+"Content-Encoding: gzip\r\n", "hello"), Unknown,
			200,
			0, false,
		},
		{"REL-041 reset before the answer", func(c net.Conn) { reset(c) }, Unknown, 0, 0, false},
		{"REL-041 reset after the status", func(c net.Conn) {
			_,
				_ = io.WriteString(c, "HTTP/1.1 200 X\r\n")
			reset(c)
		}, Unknown, 0, 0, false},
		{"REL-041 the end in the middle of the answer", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 X\r\n"+soapType+"Content-Length: 1000\r\n\r\n<S:Envelope")
		}, Unknown, 200, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := hostileSender(t).Post(t.Context(), toPeer(t, peer(t, false, tc.script)))
			var se *SendError
			if !errors.As(err, &se) || se.Outcome != tc.outcome || se.HTTPStatus != tc.status ||
				se.RetryAfter != tc.retry || se.Signal != nil || se.Permanent() != (tc.outcome == Refused) {
				t.Fatalf("got %+v, %v", se, err)
			}
			if (se.Answer != nil && len(se.Answer.Body) > 0) != tc.kept {
				t.Errorf("the answer is kept: %v", se.Answer != nil)
			}
			if se.Answer != nil && len(se.Answer.Body) > maxAnswer {
				t.Errorf("REL-040, SEC-113: %d octets of the answer are kept", len(se.Answer.Body))
			}
		})
	}
}

// F-12: one byte per second, until the deadline.
func TestSenderHostileSlow(t *testing.T) {
	slow := "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nX: " + strings.Repeat("x", 100)
	url := peer(t, false, func(c net.Conn) {
		for i := range 100 {
			if _, err := io.WriteString(c, slow[i:i+1]); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := hostileSender(t).Post(ctx, toPeer(t, url))
	var se *SendError
	if !errors.As(err, &se) || se.Outcome != Unknown || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// REL-023: what certainly left no byte is NotSent, also if the guard refused it before a connection was looked for.
func TestSenderHostileUnsent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	_ = l.Close()
	tlsServer := httptest.NewUnstartedServer(http.NotFoundHandler()) // of no CA that we believe
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0)
	tlsServer.StartTLS()
	defer tlsServer.Close()

	guard := errors.New("refused by the guard")
	for _, tc := range []struct {
		name, url string
		dial      func(context.Context, string, string) (net.Conn, error)
		outcome   Outcome
		before    bool // the transport refuses the address
	}{
		{"REL-023 connection refused", "http://" + closed + "/", nil, NotSent, false},
		{"REL-023 an unknown name", "http://nobody.invalid/", func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		}, NotSent, false},
		{"REL-023 the guard before it connects", "http://192.0.2.1/", nil, NotSent, true},
		{"REL-023 a scheme that is none", "gopher://192.0.2.1/", nil, NotSent, false},
		{
			"REL-023 the guard", "http://192.0.2.1/",
			func(context.Context, string, string) (net.Conn, error) { return nil, guard }, NotSent, false,
		},
		{"REL-023 the TLS handshake", tlsServer.URL, nil, NotSent, false},
		{"REL-023 no TLS", "https://" + strings.TrimPrefix(peer(t, true,
			func(c net.Conn) { _, _ = io.WriteString(c, "hello") }), "http://"), nil, NotSent, false},
		{"REL-023 reset with the request", peer(t, false, reset), nil, Unknown, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := hostileSender(t)
			s.HTTP.Transport.(*http.Transport).DialContext = tc.dial
			if tc.before {
				s.HTTP.Transport = refusing{guard}
			}
			_, err := s.Post(t.Context(), toPeer(t, tc.url))
			var se *SendError
			if !errors.As(err, &se) || se.Outcome != tc.outcome || se.HTTPStatus != 0 || se.Answer != nil {
				t.Errorf("got %+v, %v", se, err)
			}
		})
	}
}

// refusing is a transport that connects to nobody.
type refusing struct{ err error }

func (r refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, r.err }

// F-14, F-16: signals.
func TestSenderHostileSignals(t *testing.T) {
	b := seat(t, "b")
	receipt := func(refs []ebms.Reference) *ebms.Signal {
		return &ebms.Signal{Receipt: &ebms.Receipt{References: refs}}
	}
	failure := func(e ebms.Error) *ebms.Signal { return &ebms.Signal{Errors: []*ebms.Error{&e}} }
	sign := func(by *certs.Identity, ref ebms.MessageID, s *ebms.Signal) string {
		out, err := signWith(wssec.EDelivery1, by, "b.example", time.Now(), ref, s)
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	unsigned := func(s string) string {
		i, j := strings.Index(s, "<wsse:Security"), strings.Index(s, "</wsse:Security>")
		return s[:i] + s[j+len("</wsse:Security>"):]
	}
	wrong := sentRefs()
	wrong[1].Value = bytes.Repeat([]byte{9}, 32)
	good := sign(b, sentID, receipt(sentRefs()))
	renewed := party(t, shared(t).AP, localca.Leaf{CN: "POP900002"})
	foreign := party(t, shared(t).SMP, localca.Leaf{CN: "POP900002"})
	multipart := func(parts ...string) (typ, body string) {
		typ = `multipart/related; type="application/soap+xml"; boundary="bb"`
		for i, p := range parts {
			kind := "application/soap+xml; charset=UTF-8"
			if i > 0 {
				kind = "text/plain"
			}
			body += fmt.Sprintf("--bb\r\nContent-Type: %s\r\nContent-ID: <p%d@b>\r\n\r\n%s\r\n", kind, i, p)
		}
		return typ, body + "--bb--\r\n"
	}
	one, oneBody := multipart(good)
	two, twoBody := multipart(good, "extra")
	for _, tc := range []struct {
		name    string
		status  int
		typ     string
		body    string
		attempt int
		outcome Outcome // "" for a receipt
		code    ebms.Code
		signer  bool
	}{
		{"AS4-107 a good receipt", 200, "", good, 1, "", "", true},
		{"AS4-107 by a renewed certificate", 200, "", sign(renewed, sentID, receipt(sentRefs())), 1, "", "", true},
		{"REL-042 a receipt with HTTP 500", 500, "", good, 1, "", "", true},
		{"AS4-104 multipart with one part", 200, one, oneBody, 1, "", "", true},
		{"AS4-104 multipart with an extra part", 200, two, twoBody, 1, "", "", true},
		{"AS4-104 multipart without end", 200, one, strings.TrimSuffix(oneBody, "--\r\n"), 1, "", "", true},
		{
			"AS4-108 references in another order", 200, "",
			sign(b, sentID, receipt([]ebms.Reference{sentRefs()[1], sentRefs()[0]})), 1, "", "", true,
		},
		{"AS4-110 an unsigned receipt", 200, "", unsigned(good), 1, Unknown, ebms.CodeMissingReceipt, false},
		{
			"REL-043 signed by another access point", 200, "", sign(seat(t, "a2"), sentID, receipt(sentRefs())), 1,
			Unknown, ebms.CodeMissingReceipt, false,
		},
		{
			"REL-043 signed by another CA", 200, "", sign(foreign, sentID, receipt(sentRefs())), 1, Unknown,
			ebms.CodeMissingReceipt, false,
		},
		{
			"REL-043 changed after signing", 200, "", strings.Replace(good, "sent@a.example", "sent@a.examplE", 1), 1,
			Unknown, ebms.CodeMissingReceipt, false,
		},
		{
			"SEC-044 a reference to an attachment that is not there", 200, "",
			string(resign(t, []byte(good), b, func(info string) string { return info + attachmentReference("cid:x") })),
			1, Unknown, ebms.CodeMissingReceipt, false,
		},
		{
			"REL-043 for another message", 200, "", sign(b, "other@a.example", receipt(sentRefs())), 1, Unknown,
			ebms.CodeInvalidReceipt, true,
		},
		{"REL-043 without digests", 200, "", sign(b, sentID, receipt(nil)), 1, Unknown, ebms.CodeInvalidReceipt, true},
		{
			"AS4-109 another digest", 200, "", sign(b, sentID, receipt(wrong)), 1, BadReceipt, ebms.CodeInvalidReceipt,
			true,
		},
		{
			"AS4-109 a digest missing", 200, "", sign(b, sentID, receipt(sentRefs()[:1])), 1, BadReceipt,
			ebms.CodeInvalidReceipt, true,
		},
		{
			"AS4-109 a digest twice", 200, "", sign(b, sentID, receipt(append(sentRefs(), sentRefs()[0]))), 1,
			BadReceipt,
			ebms.CodeInvalidReceipt, true,
		},
		{"REL-042 receipt and error", 200, "", sign(b, sentID,
			&ebms.Signal{
				Receipt: &ebms.Receipt{References: sentRefs()},
				Errors:  []*ebms.Error{{Code: ebms.CodeOther}},
			}), 1, Unknown, ebms.CodeInvalidReceipt, true},
		{"REL-042 a receipt twice", 200, "", twice(good), 1, Unknown, "", false},
		{
			"REL-041 an error for another message", 200, "",
			sign(b, "other@a.example", failure(ebms.Error{Code: ebms.CodeOther})), 1, Unknown, ebms.CodeOther, true,
		},
		{
			"AS4-124 not serviced", 200, "", sign(b, sentID, failure(*ebms.NotServiced(""))), 1, Refused,
			ebms.CodeOther,
			true,
		},
		{
			"AS4-119 not serviced with HTTP 400", 400, "", sign(b, sentID, failure(*ebms.NotServiced(""))), 1, Refused,
			ebms.CodeOther, true,
		},
		{
			"AS4-124 EBMS:0202", 200, "", sign(b, sentID, failure(ebms.Error{Code: ebms.CodeDeliveryFailure})), 1,
			Later,
			ebms.CodeDeliveryFailure, true,
		},
		{
			"AS4-124 EBMS:0101", 200, "", sign(b, sentID, failure(ebms.Error{Code: ebms.CodeFailedAuthentication})), 1,
			Refused, ebms.CodeFailedAuthentication, true,
		},
		{
			"AS4-098 an unknown code", 200, "", sign(b, sentID, failure(ebms.Error{Code: "EBMS:7777"})), 1, Refused,
			"EBMS:7777", true,
		},
		{
			"AS4-097 a warning is no receipt", 200, "",
			sign(b, sentID, failure(ebms.Error{Code: ebms.CodeFeatureNotSupported})), 1, Unknown,
			ebms.CodeFeatureNotSupported, true,
		},
		{
			"AS4-126 a duplicate on attempt 1", 200, "",
			sign(b, sentID, failure(ebms.Error{Code: ebms.CodeDuplicateDetected})), 1, Refused,
			ebms.CodeDuplicateDetected, true,
		},
		{
			"AS4-126 a duplicate on attempt 2", 200, "",
			sign(b, sentID, failure(ebms.Error{Code: ebms.CodeDuplicateDetected})), 2, DuplicateThere,
			ebms.CodeDuplicateDetected, true,
		},
		{
			"AS4-126 a duplicate by text on attempt 2", 200, "",
			sign(b, sentID, failure(ebms.Error{Code: ebms.CodeOther, Detail: "Duplicate envelope"})), 2, DuplicateThere,
			ebms.CodeOther, true,
		},
		{
			"AS4-126 a duplicate by its description on attempt 2", 200, "",
			sign(b, sentID, failure(ebms.Error{Code: ebms.CodeOther, Description: "a failure: duplicate"})), 2,
			DuplicateThere, ebms.CodeOther, true,
		},
		{
			"AS4-126 a duplicate by its description on attempt 1", 200, "",
			sign(b, sentID, failure(ebms.Error{Code: ebms.CodeOther, Description: "a failure: duplicate"})), 1, Refused,
			ebms.CodeOther, true,
		},
		{
			"AS4-110 an unsigned error", 200, "", unsigned(sign(b, sentID, failure(ebms.Error{Code: ebms.CodeOther}))),
			1,
			Refused, ebms.CodeOther, false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.typ == "" {
				tc.typ = ContentTypeSignal
			}
			url := peer(t, false, func(c net.Conn) {
				_, _ = io.WriteString(c, rawAnswer(tc.status, "Content-Type: "+tc.typ+"\r\n", tc.body))
			})
			req := toPeer(t, url)
			req.Attempt = tc.attempt
			ev, err := hostileSender(t).Post(t.Context(), req)
			if tc.outcome == "" {
				if err != nil || ev.Signer == nil || string(ev.Body) != tc.body || ev.HTTPStatus != tc.status {
					t.Errorf("got %v", err)
				}
				return
			}
			var se *SendError
			if !errors.As(err, &se) || se.Outcome != tc.outcome {
				t.Fatalf("got %v", err)
			}
			if tc.code == "" && se.Signal != nil || tc.code != "" && (se.Signal == nil || se.Signal.Code != tc.code) {
				t.Errorf("got %+v, want %s", se.Signal, tc.code)
			}
			if se.Answer == nil || string(se.Answer.Body) != tc.body {
				t.Fatal("the answer is not kept")
			}
			if tc.code != "" && (se.Answer.Signer != nil) != tc.signer {
				t.Errorf("the signer is %v", se.Answer.Signer)
			}
		})
	}
	t.Run("AS4-119 a security header that is refused keeps the answer", func(t *testing.T) {
		body := strings.Replace(good, "rsa-sha256", "rsa-sha1", 1)
		url := peer(t, false, func(c net.Conn) {
			_, _ = io.WriteString(c, rawAnswer(200, "Content-Type: application/soap+xml\r\n", body))
		})
		_, err := hostileSender(t).Post(t.Context(), toPeer(t, url))
		var se *SendError
		if !errors.As(err, &se) || se.Outcome != Unknown || se.Answer == nil || string(se.Answer.Body) != body {
			t.Errorf("got %+v", se)
		}
	})
}

// twice repeats the receipt, unsigned.
func twice(s string) string {
	i, j := strings.Index(s, "<eb:Receipt>"), strings.Index(s, "</eb:SignalMessage>")
	return s[:j] + s[i:j] + s[j:]
}
