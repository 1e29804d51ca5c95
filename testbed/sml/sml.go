// Package sml is a DNS server for one zone of a Service Metadata Locator on a loopback address, by UDP and TCP, for
// the private network and for tests. It computes the names of participants without the code that it tests, and in
// upper case, as the policy prints them. It can fail on request.
package sml

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/ravn-ap/ravn/peppol"
)

// ttl of the records, in seconds: short, so that nobody waits for a change in a private network.
const ttl = 2

// Fault is how a Server misbehaves.
type Fault string

// Faults.
const (
	None          Fault = ""
	ServFail      Fault = "servfail"       // a technical failure
	Refused       Fault = "refused"        // likewise
	Silent        Fault = "silent"         // no answer at all
	NoData        Fault = "nodata"         // the name exists without NAPTR records
	Truncated     Fault = "truncated"      // by UDP only: TCP has the whole answer
	TruncatedTCP  Fault = "truncated-tcp"  // by TCP as well
	Garbage       Fault = "garbage"        // bytes that are no DNS message
	OtherQuestion Fault = "other-question" // the answer to a question that was not asked
	Referral      Fault = "referral"       // only the name of another server
	WithoutSOA    Fault = "without-soa"    // a negative answer that says nothing about its TTL
	AliasAlone    Fault = "alias-alone"    // a CNAME whose target is left out
	ManyAliases   Fault = "many-aliases"   // a chain of aliases longer than anybody follows
)

// Server is a running DNS server.
type Server struct {
	zone     string // with dot at the end, lower case
	addr     string
	udp, tcp *dns.Server

	mu      sync.Mutex
	names   map[string][]dns.RR // by name, lower case
	fault   Fault
	alias   string // zone in which the data are, if the zone is an alias
	edit    func(network string, m *dns.Msg)
	queries int
}

// New starts a server for the zone. addr is a loopback address with port; "" means a free port of 127.0.0.1.
func New(zone, addr string) (*Server, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	s := &Server{zone: strings.ToLower(dns.Fqdn(zone)), names: map[string][]dns.RR{}}
	pc, l, err := listen(addr)
	if err != nil {
		return nil, fmt.Errorf("testbed/sml: %w", err)
	}
	s.addr = l.Addr().String()
	s.udp, s.tcp = &dns.Server{PacketConn: pc, Handler: s}, &dns.Server{Listener: l, Handler: s}
	var started sync.WaitGroup
	for _, d := range []*dns.Server{s.udp, s.tcp} {
		started.Add(1)
		d.NotifyStartedFunc = started.Done
		go d.ActivateAndServe()
	}
	started.Wait()
	return s, nil
}

// listen opens UDP and TCP at the same port.
func listen(addr string) (net.PacketConn, net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, nil, errors.New("the address is not a loopback address")
	}
	for try := 0; ; try++ { // a port that is free for TCP may be taken for UDP
		l, err := net.Listen("tcp", net.JoinHostPort(host, port))
		if err != nil {
			return nil, nil, err
		}
		pc, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			return pc, l, nil
		}
		_ = l.Close()
		if port != "0" || try == 10 {
			return nil, nil, err
		}
	}
}

// Close stops the server.
func (s *Server) Close() error {
	return errors.Join(s.udp.Shutdown(), s.tcp.Shutdown())
}

// Addr returns host:port, the same for UDP and TCP.
func (s *Server) Addr() string { return s.addr }

// Zone returns the zone, without the dot at its end.
func (s *Server) Zone() string { return strings.TrimSuffix(s.zone, ".") }

// Register writes the NAPTR record of a participant whose SMP has the given base URL, in the style of ELMA's records.
func (s *Server) Register(p peppol.ParticipantID, smpBaseURL string) {
	s.Set(p, NAPTR(100, 10, "U", "Meta:SMP", "!.*!"+smpBaseURL+"!"))
}

// NAPTR makes a record for Set, which gives it its name.
func NAPTR(order, preference uint16, flags, service, regexp string) *dns.NAPTR {
	return &dns.NAPTR{
		Order: order, Preference: preference, Flags: flags, Service: service, Regexp: regexp, Replacement: ".",
	}
}

// Set puts any records in the place of the participant's.
func (s *Server) Set(p peppol.ParticipantID, records ...*dns.NAPTR) {
	name := s.Name(p)
	var list []dns.RR
	for _, n := range records {
		n.Hdr = dns.RR_Header{Name: name, Rrtype: dns.TypeNAPTR, Class: dns.ClassINET, Ttl: ttl}
		list = append(list, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[strings.ToLower(name)] = list
}

// Unregister removes a participant.
func (s *Server) Unregister(p peppol.ParticipantID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, strings.ToLower(s.Name(p)))
}

// Fail makes all answers from now on wrong in one way; None ends it.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Alias makes the zone a DNAME of another one: answers then hold DNAME, CNAME and the records under the other name, as
// they did while the zones were moved. "" ends it.
func (s *Server) Alias(zone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alias = zone
}

// Edit sets a function that changes each answer before it is sent; network is "udp" or "tcp". nil ends it.
func (s *Server) Edit(f func(network string, m *dns.Msg)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.edit = f
}

// Queries returns how many questions came so far.
func (s *Server) Queries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queries
}

// Name returns the participant's name in the zone: Base32 of SHA-256 over the lower-cased value, the scheme, the zone.
func (s *Server) Name(p peppol.ParticipantID) string {
	sum := sha256.Sum256([]byte(strings.ToLower(p.Value())))
	return strings.TrimRight(base32.StdEncoding.EncodeToString(sum[:]), "=") + ".iso6523-actorid-upis." + s.zone
}

// ServeDNS answers one question.
func (s *Server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	network := w.LocalAddr().Network()
	s.mu.Lock()
	s.queries++
	fault, edit := s.fault, s.edit
	m := s.answer(q)
	s.mu.Unlock()
	switch {
	case fault == Silent:
		return
	case fault == Garbage:
		_, _ = w.Write([]byte{byte(q.Id >> 8), byte(q.Id), 0x84, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xc0, 0x0c})
		return
	}
	s.spoil(m, fault, network)
	if edit != nil {
		edit(network, m)
	}
	_ = w.WriteMsg(m) // a client that has gone away needs no answer
}

// answer is what a correct server says. The caller holds the lock.
func (s *Server) answer(q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.Authoritative, m.RecursionAvailable, m.Compress = true, true, true
	if q.IsEdns0() != nil {
		m.SetEdns0(4096, false)
	}
	if len(q.Question) != 1 || !dns.IsSubDomain(s.zone, strings.ToLower(q.Question[0].Name)) {
		m.Rcode = dns.RcodeRefused
		return m
	}
	asked := q.Question[0]
	list, known := s.names[strings.ToLower(asked.Name)]
	switch {
	case !known:
		m.Rcode = dns.RcodeNameError
	case asked.Qtype == dns.TypeNAPTR:
		m.Answer = s.through(asked.Name, list)
	}
	if len(m.Answer) == 0 {
		m.Ns = []dns.RR{s.soa()}
	}
	return m
}

// through puts the aliases of a moved zone in front of the records.
func (s *Server) through(name string, list []dns.RR) []dns.RR {
	if s.alias == "" {
		return list
	}
	target := name[:len(name)-len(s.zone)] + dns.Fqdn(s.alias)
	out := []dns.RR{
		&dns.DNAME{Hdr: header(s.zone, dns.TypeDNAME), Target: dns.Fqdn(s.alias)},
		&dns.CNAME{Hdr: header(name, dns.TypeCNAME), Target: target},
	}
	for _, rr := range list {
		rr = dns.Copy(rr)
		rr.Header().Name = target
		out = append(out, rr)
	}
	return out
}

func header(name string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}

func (s *Server) soa() *dns.SOA {
	return &dns.SOA{
		Hdr: header(s.zone, dns.TypeSOA), Ns: "ns." + s.zone, Mbox: "hostmaster." + s.zone,
		Serial: uint32(time.Now().Unix()), Refresh: 60, Retry: 60, Expire: 60, Minttl: ttl,
	}
}

// spoil puts a fault into a correct answer.
func (s *Server) spoil(m *dns.Msg, f Fault, network string) {
	clear := func() { m.Answer, m.Ns, m.Rcode = nil, nil, dns.RcodeSuccess }
	switch f {
	case ServFail:
		clear()
		m.Rcode = dns.RcodeServerFailure
	case Refused:
		clear()
		m.Rcode = dns.RcodeRefused
	case NoData:
		clear()
		m.Ns = []dns.RR{s.soa()}
	case Truncated, TruncatedTCP:
		if network == "udp" || f == TruncatedTCP {
			clear()
			m.Truncated = true
		}
	case OtherQuestion:
		m.Question[0].Name = "other." + s.zone
	case Referral:
		clear()
		m.Authoritative, m.RecursionAvailable = false, false
		m.Ns = []dns.RR{&dns.NS{Hdr: header(s.zone, dns.TypeNS), Ns: "ns.other.example."}}
	case WithoutSOA:
		m.Ns = nil
	case AliasAlone:
		clear()
		m.RecursionAvailable = false
		m.Answer = []dns.RR{&dns.CNAME{Hdr: header(m.Question[0].Name, dns.TypeCNAME), Target: "elsewhere.example."}}
	case ManyAliases:
		clear()
		name := m.Question[0].Name
		for i := range 12 {
			next := "alias" + strconv.Itoa(i) + ".example."
			m.Answer = append(m.Answer, &dns.CNAME{Hdr: header(name, dns.TypeCNAME), Target: next})
			name = next
		}
	}
}
