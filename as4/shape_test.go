package as4

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/ebms"
)

// What a sealed message looks like from outside.
func TestSealedShape(t *testing.T) {
	p := newPair(t)
	h := testHeader(t)
	ids := map[string]bool{}
	contentID := regexp.MustCompile(`(?m)^Content-ID: <(.*)>\r$`)
	var soap string
	for n := range 3 {
		var body bytes.Buffer
		s, err := p.Seal(p.own, p.peer, Outgoing{
			ID: p.NewMessageID(), Ref: fmt.Sprintf("record-%d", n), Header: h,
			SBD: bytes.NewReader(testSBD(t, h)),
		}, &body)
		if err != nil {
			t.Fatal(err)
		}
		soap = string(s.SOAP)
		t.Run("AS4-020 two parts with ids of their own", func(t *testing.T) {
			found := contentID.FindAllStringSubmatch(body.String(), -1)
			if len(found) != 2 {
				t.Errorf("%d content ids", len(found))
			}
			for _, m := range found {
				if ids[m[1]] {
					t.Errorf("%s comes twice", m[1])
				}
				ids[m[1]] = true
			}
		})
		t.Run("AS4-018 no file name", func(t *testing.T) {
			if text := strings.ToLower(body.String()); strings.Contains(text, "content-disposition") ||
				strings.Contains(text, "filename") {
				t.Error("there is one")
			}
		})
	}
	for _, tc := range []struct {
		name, pattern string
		want          bool
	}{
		{"AS4-021 the SOAP body is empty", `<S12:Body [^<>]*></S12:Body>|<S12:Body [^<>]*/>`, true},
		{"AS4-021 references point to parts", `href="cid:[^"]+"`, true},
		{"AS4-021 no reference points outside", `href="[^c]`, false},
		{"AS4-027 mustUnderstand of Messaging", `<eb:Messaging [^<>]*S12:mustUnderstand="true"`, true},
		{"AS4-027 the id of Messaging is a wsu:Id and an NCName", `<eb:Messaging [^<>]*wsu:Id="[A-Za-z_]`, true},
		{"AS4-028 mustUnderstand of Security", `<wsse:Security [^<>]*S12:mustUnderstand="true"`, true},
		{"AS4-028 Security has no role", `<wsse:Security [^<>]*(role|actor)=`, false},
		{"AS4-053 no Schema and no Description", `Schema|Description`, false},
		{"AS4-088 no Timestamp of WS-Security", `wsu:Timestamp`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if regexp.MustCompile(tc.pattern).MatchString(soap) != tc.want {
				t.Error(soap)
			}
		})
	}
}

func TestAS4009Headers(t *testing.T) {
	got := make(chan http.Header, 1)
	srv := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: srv}
	go func() { _ = server.Serve(l) }() // until Close
	t.Cleanup(func() { _ = server.Close() })
	if _, err := hostileSender(t).Post(t.Context(), toPeer(t, "http://"+l.Addr().String())); err == nil {
		t.Error("an empty answer was taken for a receipt")
	}
	h := <-got
	if _, soapAction := h["Soapaction"]; h.Get("User-Agent") != "test" || soapAction {
		t.Errorf("sent %v", h)
	}
}

// An error goes out as a signal with an empty Body and without a SOAP Fault.
func TestAS4115NoFault(t *testing.T) {
	a := newArena(t)
	d := newDraft(t)
	d.m.Action = "x"
	r := a.post(t, d)
	if r.signal == nil || len(r.signal.Errors) == 0 {
		t.Fatalf("no error: %s", r.body)
	}
	if bytes.Contains(r.body, []byte("Fault")) ||
		!regexp.MustCompile(`<S12:Body [^<>]*(/>|></S12:Body>)`).Match(r.body) {
		t.Errorf("%s", r.body)
	}
}

// Errors beside a SOAP Fault are read all the same.
func TestAS4115FaultBesideError(t *testing.T) {
	s := &ebms.Signal{
		Errors: []*ebms.Error{{Code: ebms.CodeFailedAuthentication, RefTo: sentID}}, RefTo: sentID,
		ID: "e@b.example",
	}
	body := `<S12:Envelope xmlns:S12="http://www.w3.org/2003/05/soap-envelope"><S12:Header>` +
		string((&ebms.Messaging{Signal: s}).Bytes("m")) +
		`</S12:Header><S12:Body><S12:Fault><S12:Code><S12:Value>S12:Sender</S12:Value></S12:Code><S12:Reason>` +
		`<S12:Text xml:lang="en">no</S12:Text></S12:Reason></S12:Fault></S12:Body></S12:Envelope>`
	url := peer(t, false, func(c net.Conn) {
		_, _ = io.WriteString(c, rawAnswer(500, "Content-Type: "+ContentTypeSignal+"\r\n", body))
	})
	_, err := hostileSender(t).Post(t.Context(), toPeer(t, url))
	wantCode(t, err, ebms.CodeFailedAuthentication)
}
