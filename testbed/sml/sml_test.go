package sml

import (
	"testing"

	"github.com/miekg/dns"

	"github.com/ravn-ap/ravn/peppol"
)

func TestServer(t *testing.T) {
	t.Parallel()
	s, err := New("SML.testbed.example", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	p, err := peppol.ParseParticipant("0088:123abc")
	if err != nil {
		t.Fatal(err)
	}
	// The label is the official example of the identifier policy (policy 7).
	if got, want := s.Name(p),
		"Y7DZFXAF3D4CJZ4KCGRXTEC6TWVCGA4KY7ZWA5BOIF6MSWD4TDRQ.iso6523-actorid-upis.sml.testbed.example."; got != want {
		t.Errorf("DISC-035: got %s", got)
	}
	ask := func(network, name string, kind uint16) *dns.Msg {
		t.Helper()
		c := dns.Client{Net: network}
		m, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, kind), s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	s.Register(p, "https://smp.testbed.example")
	for _, network := range []string{"udp", "tcp"} {
		m := ask(network, s.Name(p), dns.TypeNAPTR)
		if len(m.Answer) != 1 || m.Answer[0].(*dns.NAPTR).Regexp != "!.*!https://smp.testbed.example!" {
			t.Errorf("%s: got %v", network, m)
		}
	}
	if m := ask("udp", s.Name(p), dns.TypeA); m.Rcode != dns.RcodeSuccess || len(m.Answer) != 0 || len(m.Ns) != 1 {
		t.Errorf("other type: got %v", m)
	}
	if m := ask("udp", "smp.example.org.", dns.TypeNAPTR); m.Rcode != dns.RcodeRefused {
		t.Errorf("other zone: got %v", m)
	}
	s.Unregister(p)
	if m := ask("udp", s.Name(p), dns.TypeNAPTR); m.Rcode != dns.RcodeNameError {
		t.Errorf("unregistered: got %v", m)
	}
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:53", "nowhere", s.Addr()} {
		if s, err := New("x", addr); err == nil {
			t.Errorf("D-20 %s: it started", addr)
			_ = s.Close()
		}
	}
}
