package sml

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/peppol"
	dnstest "github.com/ravn-ap/ravn/testbed/sml"
)

const zone = "participant.sml.local.testbed.example"

func participant(t testing.TB, value string) peppol.ParticipantID {
	t.Helper()
	p, err := peppol.ParseParticipant(value)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// start runs a DNS server and a Resolver that asks it and does not wait long.
func start(t testing.TB) (*dnstest.Server, *Resolver) {
	t.Helper()
	s, err := dnstest.New(zone, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, &Resolver{Zone: zone, Server: s.Addr(), Timeout: 2 * time.Second}
}

// reasonOf returns the reason of a failed lookup, "" for success.
func reasonOf(t testing.TB, err error) Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is not an *Error", err)
	}
	return e.Reason
}

// TestName checks the names of discovery.md §2.5.
func TestName(t *testing.T) {
	t.Parallel()
	test, prod := &Resolver{Zone: ZoneTest}, &Resolver{Zone: strings.ToUpper(ZoneProduction) + "."}
	for _, tc := range []struct{ value, label string }{
		{"0192:991825827", "7i2243uolq5qzb6jxfvi6yei4iq7sfipkv55htzfnr6s54y6yufa"},
		{"0192:810418052", "wswqfoxzytbmhobgzefqk5ivxjvmafrq4ovcmy3evcn6qdokemvq"},
		{"9908:810418052", "g34ngkutdowpzjay7rtrt45dgs6j3mvzu2fs3r3c7i6osh5v7v6a"},
		{"9908:991825827", "ayfrwuruzxaa6s2xwaj2u7grxfxrmlk4c5mcgn2nfibuzl6f726a"},
		{"9915:test", "eh5boavaktmbgzyh2a63dz4qov33fvp5nsdvqklucfraayoodw6a"},
		{"9915:TEST", "eh5boavaktmbgzyh2a63dz4qov33fvp5nsdvqklucfraayoodw6a"},
		{"0192:923609016", "xqk4t3fmtezduy5bovjmtnaq45n7e4tibyhwfpgot75bsp7uyg2a"},
		{"0192:986252932", "jgpa45e5tp5qnma3c3xuxv6v4ze4lhdyw6al2hzyu3nrlufx3d3a"},
		{"0088:123abc", "y7dzfxaf3d4cjz4kcgrxtec6twvcga4ky7zwa5boif6mswd4tdrq"},
		{"0088:123ABC", "y7dzfxaf3d4cjz4kcgrxtec6twvcga4ky7zwa5boif6mswd4tdrq"},
		{"0010:5798000000001", "xukhfqabqziki3ykvr2fhr4snfa3pf5vpq6k4tonv3lmvsy5arvq"},
		{"0242:000001", "xcsuu32c2x3kpfbofj7yhq2ndl2ri2ytgv34uxvnbhkxpitmquha"},
	} {
		p := participant(t, tc.value)
		if got, want := test.Name(p), tc.label+
			".iso6523-actorid-upis.participant.sml.test.tech.peppol.org."; got != want {
			t.Errorf("DISC-034 %s: got %s, want %s", tc.value, got, want)
		}
		if got, want := prod.Name(p), tc.label+
			".iso6523-actorid-upis.participant.sml.prod.tech.peppol.org."; got != want {
			t.Errorf("DISC-037 %s: got %s, want %s", tc.value, got, want)
		}
	}
}

// TestNameInSpecification checks that every row of the table in discovery.md is among the ones above.
func TestNameInSpecification(t *testing.T) {
	t.Parallel()
	r, rows := &Resolver{Zone: ZoneTest}, 0
	for line := range strings.Lines(string(golden.Read(t, "spec/discovery.md"))) {
		cell := strings.Split(line, "|")
		if len(cell) != 6 || len(strings.Trim(cell[3], " `")) != 52 {
			continue
		}
		rows++
		value, label := strings.Trim(cell[1], " `"), strings.Trim(cell[3], " `")
		if name := r.Name(participant(t, value)); !strings.HasPrefix(name, label+".") {
			t.Errorf("DISC-034 %s: got %s, want %s", value, name, label)
		}
	}
	if rows < 10 {
		t.Errorf("only %d rows found", rows)
	}
}

func TestLocate(t *testing.T) {
	t.Parallel()
	s, r := start(t)
	p := participant(t, "0192:991825827")
	s.Register(p, "https://smp.example.org/path/to/my/smp/")
	for _, q := range []peppol.ParticipantID{p, participant(t, "iso6523-actorid-upis::0192:991825827")} {
		u, err := r.Locate(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.String(); got != "https://smp.example.org/path/to/my/smp" {
			t.Errorf("DISC-044: got %s", got)
		}
		u.Host = "changed.example.org" // must not show in the next answer
	}
	if _, err := r.Locate(context.Background(), participant(t, "0192:810418052")); reasonOf(t, err) != NotRegistered {
		t.Errorf("DISC-048 unknown participant: got %v", err)
	}
	if _, err := r.Locate(context.Background(), peppol.ParticipantID{}); reasonOf(t, err) != Technical {
		t.Errorf("no participant: got %v", err)
	}
}

// TestOutcomes checks what the answers of discovery.md §2.3 mean.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		fault      dnstest.Fault
		registered bool
		want       Reason
	}{
		{"DISC-048 registered", dnstest.None, true, ""},
		{"DISC-048 NXDOMAIN", dnstest.None, false, NotRegistered},
		{"DISC-048 NODATA", dnstest.NoData, true, NotRegistered},
		{"DISC-048 SERVFAIL", dnstest.ServFail, true, Technical},
		{"DISC-048 SERVFAIL, not registered", dnstest.ServFail, false, Technical},
		{"DISC-048 REFUSED", dnstest.Refused, true, Technical},
		{"DISC-048 no answer", dnstest.Silent, true, Technical},
		{"DISC-048 garbage", dnstest.Garbage, true, Technical},
		{"DISC-048 another question", dnstest.OtherQuestion, true, Technical},
		{"DISC-048 referral", dnstest.Referral, false, Technical},
		{"DISC-047 truncated, TCP has it", dnstest.Truncated, true, ""},
		{"DISC-047 truncated, TCP says no", dnstest.Truncated, false, NotRegistered},
		{"DISC-047 truncated by TCP too", dnstest.TruncatedTCP, true, Technical},
		{"DISC-046 alias without target", dnstest.AliasAlone, true, Technical},
		{"SEC-110 more than eight aliases", dnstest.ManyAliases, true, Technical},
		{"DISC-051 NXDOMAIN without SOA", dnstest.WithoutSOA, false, NotRegistered},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, r := start(t)
			p := participant(t, "0192:991825827")
			if tc.registered {
				s.Register(p, "https://smp.example.org")
			}
			if s.Fail(tc.fault); tc.fault == dnstest.Silent || tc.fault == dnstest.Garbage {
				r.Timeout = 100 * time.Millisecond
			}
			u, err := r.Locate(context.Background(), p)
			if got := reasonOf(t, err); got != tc.want {
				t.Fatalf("got %v, want %s", err, tc.want)
			}
			if (err == nil) != (u != nil) {
				t.Errorf("got %v and %v", u, err)
			}
			if e := (*Error)(nil); errors.As(err, &e) &&
				(e.Temporary() != (tc.want == Technical) || e.NotRegistered() == e.Temporary()) {
				t.Errorf("temporary %t, not registered %t", e.Temporary(), e.NotRegistered())
			}
		})
	}
}

// TestAliases checks a zone that is a DNAME of another one, as during the move of the SML.
func TestAliases(t *testing.T) {
	t.Parallel()
	s, r := start(t)
	p := participant(t, "0192:991825827")
	s.Register(p, "https://smp.example.org")
	s.Alias("other.zone.example")
	if u, err := r.Locate(context.Background(), p); err != nil || u.Host != "smp.example.org" {
		t.Errorf("DISC-046: got %v, %v", u, err)
	}
	r.Forget(p)
	s.Edit(func(_ string, m *dns.Msg) { m.Answer = append(m.Answer[:1], m.Answer[2:]...) }) // DNAME without its CNAME
	if u, err := r.Locate(context.Background(), p); err != nil || u.Host != "smp.example.org" {
		t.Errorf("DISC-046 DNAME alone: got %v, %v", u, err)
	}
	r.Forget(p)
	s.Edit(func(_ string, m *dns.Msg) { m.Answer[2].Header().Name = "unrelated.example." })
	if _, err := r.Locate(context.Background(), p); reasonOf(t, err) != NotRegistered {
		t.Errorf("DISC-046 records of somebody else: got %v", err)
	}
}

// TestUDP checks that UDP comes first, with EDNS0, and that two failures of it lead to TCP.
func TestUDP(t *testing.T) {
	t.Parallel()
	s, r := start(t)
	p := participant(t, "0192:991825827")
	s.Register(p, "https://smp.example.org")
	var mu sync.Mutex
	var networks []string
	s.Edit(func(network string, m *dns.Msg) {
		mu.Lock()
		defer mu.Unlock()
		if networks = append(networks, network); network == "udp" {
			m.Rcode = dns.RcodeServerFailure
		}
		if m.IsEdns0() == nil {
			t.Error("DISC-047: the question has no EDNS0")
		}
	})
	if _, err := r.Locate(context.Background(), p); err != nil {
		t.Error(err)
	}
	if got := strings.Join(networks, " "); got != "udp udp tcp" {
		t.Errorf("DISC-047: got %s", got)
	}
}

// DISC-047: a server from before EDNS0 is asked without it.
func TestDISC047WithoutEDNS0(t *testing.T) {
	t.Parallel()
	for name, rcode := range map[string]int{"FORMERR": dns.RcodeFormatError, "NOTIMP": dns.RcodeNotImplemented} {
		for _, question := range []bool{true, false} {
			s, r := start(t)
			p := participant(t, "0192:991825827")
			s.Register(p, "https://smp.example.org")
			s.Edit(func(_ string, m *dns.Msg) {
				if m.IsEdns0() == nil {
					return
				}
				m.Rcode, m.Answer, m.Ns, m.Extra = rcode, nil, nil, nil
				if !question { // many repeat nothing but the header
					m.Question = nil
				}
			})
			if u, err := r.Locate(context.Background(), p); err != nil || u.Host != "smp.example.org" {
				t.Errorf("%s, question repeated: %t: got %v, %v", name, question, u, err)
			}
			if got := s.Queries(); got != 2 {
				t.Errorf("%s: %d queries", name, got)
			}
			s.Edit(func(_ string, m *dns.Msg) { m.Rcode, m.Answer = rcode, nil })
			r.Forget(p)
			if _, err := r.Locate(context.Background(), p); reasonOf(t, err) != Technical {
				t.Errorf("%s without EDNS0, too: got %v", name, err)
			}
		}
	}
}

// DISC-048: an absence is believed when it is said twice, and the second answer counts.
func TestDISC048Confirmed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		second func(m *dns.Msg, right []dns.RR)
		want   Reason
	}{
		"absent again": {
			func(m *dns.Msg, _ []dns.RR) { m.Rcode, m.Answer = dns.RcodeNameError, nil },
			NotRegistered,
		},
		"registered": {func(m *dns.Msg, right []dns.RR) { m.Rcode, m.Answer = dns.RcodeSuccess, right }, ""},
		"no answer": {
			func(m *dns.Msg, _ []dns.RR) { m.Rcode, m.Answer = dns.RcodeServerFailure, nil },
			Technical,
		},
		"without a record": {func(m *dns.Msg, _ []dns.RR) { m.Rcode, m.Answer = dns.RcodeSuccess, nil }, NotRegistered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r := start(t)
			p := participant(t, "0192:991825827")
			s.Register(p, "https://smp.example.org")
			var mu sync.Mutex
			n := 0
			s.Edit(func(_ string, m *dns.Msg) {
				mu.Lock()
				defer mu.Unlock()
				right := m.Answer
				if n++; n == 1 {
					m.Rcode, m.Answer = dns.RcodeNameError, nil
					return
				}
				tc.second(m, right)
			})
			if _, err := r.Locate(context.Background(), p); reasonOf(t, err) != tc.want {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s, r := start(t)
	s.Fail(dnstest.Silent)
	r.Timeout = time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := r.Locate(ctx, participant(t, "0192:991825827"))
	if reasonOf(t, err) != Technical || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("SEC-110: it took %s", d)
	}
}

func TestServerDown(t *testing.T) {
	t.Parallel()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := &Resolver{Zone: zone, Server: l.LocalAddr().String(), Timeout: 50 * time.Millisecond}
	if _, err := r.Locate(context.Background(), participant(t, "0192:991825827")); reasonOf(t, err) != Technical {
		t.Errorf("DISC-048: got %v", err)
	}
}

func TestSystemServers(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if _, err := systemServers(file); err == nil {
		t.Error("a missing file is an error")
	}
	for text, want := range map[string]string{
		"search example.org\nnameserver 192.0.2.53\nnameserver 2001:db8::53\n": "192.0.2.53:53 [2001:db8::53]:53",
		"search example.org\n": "",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := systemServers(file)
		if strings.Join(got, " ") != want || (err == nil) != (want != "") {
			t.Errorf("got %v, %v, want %s", got, err, want)
		}
	}
}

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestCache(t *testing.T) {
	t.Parallel()
	s, r := start(t)
	c := &clock{now: time.Now()}
	r.Now = c.Now
	yes, no := participant(t, "0192:991825827"), participant(t, "0192:810418052")
	s.Register(yes, "https://smp.example.org")
	setTTL := func(ttl uint32) {
		s.Edit(func(_ string, m *dns.Msg) {
			for _, rr := range append(m.Answer, m.Ns...) {
				rr.Header().Ttl = ttl
				if soa, ok := rr.(*dns.SOA); ok {
					soa.Minttl = ttl
				}
			}
		})
	}
	steps := []struct {
		name string
		ttl  uint32
		wait time.Duration
		p    peppol.ParticipantID
		want int // queries that the step makes
	}{
		{"DISC-051 first", 120, 0, yes, 1},
		{"DISC-051 within the TTL", 120, 119 * time.Second, yes, 0},
		{"DISC-051 after the TTL", 86400, time.Second, yes, 1},
		{"DISC-051 within five minutes", 86400, 299 * time.Second, yes, 0},
		{"DISC-051 after five minutes, TTL of a day", 0, time.Second, yes, 1},
		{"DISC-051 TTL 0 is not remembered", 30, 0, yes, 1},
		{"DISC-051 no: first, and its confirmation", 3600, 0, no, 2},
		{"DISC-051 no: within a minute", 3600, 59 * time.Second, no, 0},
		{"DISC-051 no: after a minute", 3600, time.Second, no, 2},
	}
	for _, step := range steps {
		setTTL(step.ttl)
		c.add(step.wait)
		before := s.Queries()
		_, err := r.Locate(context.Background(), step.p)
		if want := map[bool]Reason{true: "", false: NotRegistered}[step.p == yes]; reasonOf(t, err) != want {
			t.Errorf("%s: got %v", step.name, err)
		}
		if got := s.Queries() - before; got != step.want {
			t.Errorf("%s: %d queries, want %d", step.name, got, step.want)
		}
	}
}

// TestCacheForgets checks Forget, that failures are not remembered, and that the cache does not grow without end.
func TestCacheForgets(t *testing.T) {
	t.Parallel()
	s, r := start(t)
	p := participant(t, "0192:991825827")
	s.Fail(dnstest.ServFail)
	if _, err := r.Locate(context.Background(), p); reasonOf(t, err) != Technical {
		t.Fatal(err)
	}
	s.Fail(dnstest.None)
	for _, host := range []string{"a.example.org", "b.example.org"} {
		s.Register(p, "https://"+host)
		r.Forget(p)
		if u, err := r.Locate(context.Background(), p); err != nil || u.Host != host {
			t.Errorf("DISC-051: got %v, %v", u, err)
		}
	}
	now := time.Now()
	for i := range maxEntries + 100 {
		r.cache.Put(time.Duration(i).String(), answer{ttl: time.Minute}, now, now.Add(time.Minute), maxEntries)
	}
	if n := r.cache.Len(); n > maxEntries {
		t.Errorf("DISC-051: %d entries", n)
	}
}

// TestCanary checks the guard against a zone that suddenly knows nobody.
func TestCanary(t *testing.T) {
	t.Parallel()
	s, r := start(t)
	canary, p := participant(t, "9915:test"), participant(t, "0192:991825827")
	r.Canary = canary
	s.Register(canary, "https://smp.example.org")
	if _, err := r.Locate(context.Background(), p); reasonOf(t, err) != NotRegistered {
		t.Errorf("DISC-049 the canary is there: got %v", err)
	}
	s.Unregister(canary)
	r.Forget(canary)
	r.Forget(p)
	if _, err := r.Locate(context.Background(), p); reasonOf(t, err) != Technical {
		t.Errorf("DISC-049 the canary is missing: got %v", err)
	}
	if _, err := r.Locate(context.Background(), canary); reasonOf(t, err) != NotRegistered {
		t.Errorf("DISC-049 the canary itself: got %v", err)
	}
}

func TestParallel(t *testing.T) {
	t.Parallel()
	s, r := start(t)
	var mu sync.Mutex
	var busy, most int
	s.Edit(func(string, *dns.Msg) {
		mu.Lock()
		busy++
		most = max(most, busy)
		mu.Unlock()
		time.Sleep(20 * time.Millisecond)
		mu.Lock()
		busy--
		mu.Unlock()
	})
	var wg sync.WaitGroup
	for i := range 40 {
		p := participant(t, "0088:"+strings.Repeat("1", i+1))
		wg.Go(func() {
			if _, err := r.Locate(context.Background(), p); reasonOf(t, err) != NotRegistered {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	if most > maxParallel {
		t.Errorf("DISC-055: %d queries at a time", most)
	}
}
