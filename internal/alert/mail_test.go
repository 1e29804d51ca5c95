package alert

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// sink is a mail server that keeps what it gets.
type sink struct {
	mu     sync.Mutex
	mails  []letter
	secure []bool // whether each came over TLS
	users  []string
}

type letter struct {
	from string
	to   []string
	*mail.Message
	body string
}

// session is one connection.
type session struct {
	sink *sink
	conn *smtp.Conn
	letter
}

func (s *session) Reset()        { s.letter = letter{} }
func (s *session) Logout() error { return nil }

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "s3cret" {
			return errors.New("no")
		}
		s.sink.mu.Lock()
		defer s.sink.mu.Unlock()
		s.sink.users = append(s.sink.users, user)
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error { s.from = from; return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error   { s.to = append(s.to, to); return nil }

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		return err
	}
	_, secure := s.conn.TLSConnectionState()
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.mails = append(s.sink.mails, letter{s.from, slices.Clone(s.to), m, string(body)})
	s.sink.secure = append(s.sink.secure, secure)
	return nil
}

// take returns what came since the last call.
func (s *sink) take() (list []letter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, s.mails = s.mails, nil
	return list
}

// start runs the server; withTLS: it offers STARTTLS, or speaks TLS from the first byte. roots trust it.
func (s *sink) start(t *testing.T, withTLS, direct bool) (addr string, roots *x509.CertPool) {
	t.Helper()
	web := httptest.NewUnstartedServer(nil) // for its certificate of example.com and 127.0.0.1
	web.StartTLS()
	t.Cleanup(web.Close)
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{sink: s, conn: c}, nil
	}))
	srv.Domain, srv.AllowInsecureAuth = "sink.example", true
	conf := &tls.Config{Certificates: web.TLS.Certificates}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case direct:
		l = tls.NewListener(l, conf)
	case withTLS:
		srv.TLSConfig = conf
	}
	go func() { _ = srv.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = srv.Close() })
	roots = x509.NewCertPool()
	roots.AddCert(web.Certificate())
	return l.Addr().String(), roots
}

func mailTo(addr, how string, roots *x509.CertPool) *Mail {
	return &Mail{
		Server: addr, TLS: how, Roots: roots, From: "ravn@example.org", To: []string{
			"ops@example.org",
			"kari@example.org",
		},
		Host: "ap.example.org",
	}
}

// T-OPS-5, OPS-071: a real mail server gets the alerts as plain text; the mails of a channel are a minute apart, and
// what
// comes meanwhile is collected into one.
func TestOPS071Mail(t *testing.T) {
	s := &sink{}
	addr, roots := s.start(t, true, false)
	m := mailTo(addr, StartTLS, roots)
	m.User, m.Password = "ravn", "s3cret"
	w := newWorld(t.TempDir() + "/ravn.db")
	n := w.node(t, "n1", Channel{Name: "ops", MinSeverity: Warn, Spacing: time.Minute, AtOnce: 100, Sender: m})
	turn := func(after time.Duration, want ...string) []letter {
		t.Helper()
		w.pass(after)
		n.Turn(t.Context())
		var got []string
		list := s.take()
		for _, l := range list {
			got = append(got, l.Header.Get("Subject"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		return list
	}
	n.facts.Dead = docs(1, "RAVN-3008")
	first := turn(0, "[ravn warn] delivery_dead: a received document was given up: it is not delivered")
	if len(first) == 1 {
		l := first[0]
		if l.from != "ravn@example.org" || !slices.Equal(l.to, []string{"ops@example.org", "kari@example.org"}) ||
			!strings.HasPrefix(l.Header.Get("Content-Type"), "text/plain") ||
			l.Header.Get("Auto-Submitted") != "auto-generated" ||
			!strings.HasSuffix(l.Header.Get("Message-Id"), "@ap.example.org>") {
			t.Errorf("%s %v %v", l.from, l.to, l.Header)
		}
		for _, line := range []string{
			"Since:", "Whose fault:", "Next step:", "Code:        RAVN-3008",
			"ravn documents show doc-0",
		} {
			if !strings.Contains(l.body, line) {
				t.Errorf("no %q in\n%s", line, l.body)
			}
		}
	}
	n.facts.Failed = docs(2, "") // info: not for this channel
	n.facts.Unsent, n.facts.Quarantined = Backlog{3, 2 * time.Hour}, docs(1, "")
	turn(59 * time.Second)
	both := turn(time.Second,
		"[ravn page] send_delayed: the oldest unsent document has waited for 2h0m0s; 3 wait (and 1 more)")
	if len(both) == 1 && (strings.Count(both[0].body, "\r\n----\r\n") != 1 ||
		!strings.Contains(both[0].body, "[ravn page] poison: a document is in quarantine")) {
		t.Errorf("%s", both[0].body)
	}
	turn(time.Minute)
	if !slices.Equal(s.secure, []bool{true, true}) || !slices.Equal(s.users, []string{"ravn", "ravn"}) ||
		len(n.failed) > 0 {
		t.Errorf("%v %v %v", s.secure, s.users, n.failed)
	}
}

// OPS-071: no mail leaves without TLS, except to this machine; a server that offers none, or whose certificate is not
// trusted, gets nothing.
func TestOPS071MailNeedsTLS(t *testing.T) {
	list := []Notice{{ID: "n1", Subject: "x", Body: "y", At: time.Now()}}
	for _, c := range []struct {
		name            string
		withTLS, direct bool
		how             string
		trusted, want   bool
	}{
		{"starttls", true, false, StartTLS, true, true},
		{"starttls that is not offered", false, false, StartTLS, true, false},
		{"starttls of a stranger", true, false, StartTLS, false, false},
		{"tls", false, true, DirectTLS, true, true},
		{"tls of a stranger", false, true, DirectTLS, false, false},
		{"none, to this machine", false, false, NoTLS, true, true},
		{"no such word", false, false, "", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &sink{}
			addr, roots := s.start(t, c.withTLS, c.direct)
			if !c.trusted {
				roots = x509.NewCertPool()
			}
			err := mailTo(addr, c.how, roots).Send(t.Context(), list)
			if got := len(s.take()) == 1; got != c.want || (err == nil) != c.want {
				t.Errorf("arrived %v, %v", got, err)
			}
		})
	}
	for _, addr := range []string{"192.0.2.1:25", "mail.example.org:25"} {
		if _, err := mailTo(addr, NoTLS, nil).client(); err == nil {
			t.Errorf("%s: without TLS", addr)
		}
	}
}

// T-OPS-15: a line end in a text begins no header and no address.
func TestOPS071MailInjection(t *testing.T) {
	s := &sink{}
	addr, roots := s.start(t, true, false)
	m := mailTo(addr, StartTLS, roots)
	evil := "x\r\nBcc: evil@example.org\r\n\r\nbody"
	if err := m.Send(t.Context(), []Notice{{ID: "n1", Subject: evil, Body: "y", At: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	got := s.take()
	if len(got) != 1 || got[0].Header.Get("Bcc") != "" || len(got[0].to) != 2 ||
		got[0].Header.Get("Subject") != "x  Bcc: evil@example.org    body" {
		t.Errorf("%v %v", got[0].to, got[0].Header)
	}
	m.To = []string{"ops@example.org\r\nRCPT TO:<evil@example.org>"}
	if err := m.Send(t.Context(), []Notice{{ID: "n1", Subject: "x", Body: "y", At: time.Now()}}); err == nil {
		t.Error("an address with a line end")
	}
}
