package smp

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/peppol"
	"github.com/ravn-ap/ravn/sml"
	dnstest "github.com/ravn-ap/ravn/testbed/sml"
	smptest "github.com/ravn-ap/ravn/testbed/smp"
)

func TestEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.service()
	s.Until = time.Now().Add(time.Hour).Truncate(time.Second)
	w.smp.Unregister(w.r)
	w.smp.Register(s)
	e, err := w.find()
	if err != nil {
		t.Fatal(err)
	}
	if e.URL != apURL || !e.Cert.Equal(w.ap.Cert) || e.Registered != w.d || !e.Expires.Equal(s.Until) ||
		e.SMP != w.smp.URL() || !e.Signer.Equal(w.signer.Cert) {
		t.Errorf("AS4-140: got %+v", e)
	}
}

// TestWholeDiscovery goes from the DNS question to the endpoint, over TLS.
func TestWholeDiscovery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	zone := must[*dnstest.Server](t)(dnstest.New("sml.testbed.example", ""))
	t.Cleanup(func() { _ = zone.Close() })
	secure := w.server(t, smptest.Options{Signer: w.signer, TLS: w.tls})
	secure.Register(w.service())
	zone.Register(w.r, secure.URL()+"/")
	roots := x509.NewCertPool()
	roots.AddCert(w.pki.TLS.Cert)
	w.client.HTTP = w.client.Guard.Client(roots)
	w.client.Locator = &sml.Resolver{Zone: zone.Zone(), Server: zone.Addr(), Local: true}
	if e, err := w.find(); err != nil || e.URL != apURL || !strings.HasPrefix(e.SMP, "https://") {
		t.Errorf("got %+v, %v", e, err)
	}
	_, err := w.client.Endpoint(context.Background(), participant(t, elsewhere), w.d, w.p)
	expect(t, "DISC-048 not in the SML", err, NoParticipant)
	zone.Fail(dnstest.ServFail)
	_, err = w.client.Endpoint(context.Background(), participant(t, "0192:986252932"), w.d, w.p)
	expect(t, "DISC-048 SERVFAIL", err, DNSFailure)
	zone.Fail(dnstest.None)

	strangers := newWorld(t) // whose client knows no TLS CA of ours
	strangers.locator.url = secure.URL()
	_, err = strangers.find()
	expect(t, "DISC-091 unknown TLS CA", err, Unavailable)
}

func TestNotRegistered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.client.Endpoint(context.Background(), participant(t, elsewhere), w.d, w.p)
	expect(t, "DISC-067 participant", err, UnknownToSMP)
	_, err = w.client.Endpoint(context.Background(), w.r, doctype(t, creditNote), w.p)
	expect(t, "DISC-067 document type", err, NoDocType)
	_, err = w.client.Endpoint(context.Background(), w.r, w.d, processID(t, "urn:other"))
	expect(t, "DISC-074 process", err, NoProcess)
	_, err = w.client.Endpoint(context.Background(), w.r, w.d,
		must[peppol.ProcessID](t)(peppol.NewProcess("other-scheme", billing)))
	expect(t, "DISC-027 process scheme", err, NoProcess)
	wildcard := must[peppol.DocTypeID](t)(peppol.NewDocType(peppol.SchemeWildcard, w.d.Value()))
	_, err = w.client.Endpoint(context.Background(), w.r, wildcard, w.p)
	expect(t, "DISC-026 other document type scheme", err, NoDocType)

	for name, l := range map[string]struct {
		err  error
		want Reason
	}{
		"DISC-048 not in the SML":     {&sml.Error{Reason: sml.NotRegistered}, NoParticipant},
		"DISC-048 no SMP service":     {&sml.Error{Reason: sml.NoService}, NoParticipant},
		"DISC-048 DNS failure":        {&sml.Error{Reason: sml.Technical}, DNSFailure},
		"DISC-042 malformed record":   {&sml.Error{Reason: sml.BadRecord}, BadSMLRecord},
		"DISC-048 any other error":    {errors.New("out of order"), DNSFailure},
		"SEC-111 SMP not allowed":     {nil, Forbidden},
		"DISC-050 nobody listens yet": {nil, Unavailable},
	} {
		w.locator.err, w.locator.url = l.err, "http://192.0.2.1/"
		if l.want == Unavailable {
			w.locator.url = "http://127.0.0.1:1/"
		}
		_, err := w.find()
		expect(t, name, err, l.want)
	}
}

// TestTechnical checks that an SMP out of order never counts as an answer (DISC-050, DISC-066, DISC-067, SEC-113).
func TestTechnical(t *testing.T) {
	t.Parallel()
	html := func([]byte) []byte { return []byte("\n <!DOCTYPE html><html><body>502</body></html>") }
	for _, tc := range []struct {
		name string
		b    smptest.Behaviour
		want Reason
	}{
		{"DISC-067 500", smptest.Behaviour{Status: 500}, HTTPStatus},
		{"DISC-067 503", smptest.Behaviour{Status: 503}, HTTPStatus},
		{"DISC-067 400", smptest.Behaviour{Status: 400}, HTTPStatus},
		{"DISC-067 403", smptest.Behaviour{Status: 403}, HTTPStatus},
		{"DISC-067 429", smptest.Behaviour{Status: 429}, HTTPStatus},
		{"DISC-067 204", smptest.Behaviour{Status: 204}, HTTPStatus},
		{"DISC-066 301", smptest.Behaviour{Status: 301, Location: "/elsewhere"}, HTTPStatus},
		{
			"DISC-066 302 to another host",
			smptest.Behaviour{Status: 302, Location: "http://169.254.169.254/"},
			HTTPStatus,
		},
		{"DISC-066 307", smptest.Behaviour{Status: 307, Location: "/smp/"}, HTTPStatus},
		{"DISC-068 late answer", smptest.Behaviour{Delay: time.Minute}, Unavailable},
		{"DISC-068 slow body", smptest.Behaviour{Drip: true}, Unavailable},
		{"SEC-113 body without end", smptest.Behaviour{Endless: true}, BadResponse},
		{"DISC-067 web page", smptest.Behaviour{Bytes: html}, HTTPStatus},
		{"DISC-067 web page by its type", smptest.Behaviour{Type: "text/html; charset=utf-8"}, HTTPStatus},
		{"DISC-064 other content type", smptest.Behaviour{Type: "text/plain"}, ""},
		{"DISC-064 malformed content type", smptest.Behaviour{Type: "/;;"}, ""},
		{"DISC-089 not XML", smptest.Behaviour{Bytes: func([]byte) []byte { return []byte("hello") }}, BadResponse},
		{"DISC-089 empty", smptest.Behaviour{Bytes: func([]byte) []byte { return nil }}, BadResponse},
		{"DISC-098 other namespace", smptest.Behaviour{Bytes: replace(nsSMP,
			"http://docs.oasis-open.org/bdxr/ns/SMP/2016/05")}, BadResponse},
		{"SEC-113 1 MiB and a byte", smptest.Behaviour{
			Bytes: func(b []byte) []byte { return append(b, make([]byte, maxBody)...) },
		}, BadResponse},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if w.smp.Behave(tc.b); tc.b.Delay > 0 || tc.b.Drip {
				w.client.Timeout = 200 * time.Millisecond
			}
			_, err := w.find()
			expect(t, tc.name, err, tc.want)
		})
	}
}

// TestFollowsNoRedirect checks it for an HTTP client that somebody else configured.
func TestFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.client.HTTP = &http.Client{}
	good := w.server(t, smptest.Options{Signer: w.signer})
	good.Register(w.service())
	w.smp.Behave(smptest.Behaviour{Status: 302, Location: good.ServiceURL(w.r, w.d)})
	_, err := w.find()
	expect(t, "DISC-066", err, HTTPStatus)
	if n := len(good.Requests()); n != 0 {
		t.Errorf("DISC-066: %d requests arrived there", n)
	}
}

// TestURL checks the worked URLs of discovery.md §3.1.
func TestURL(t *testing.T) {
	t.Parallel()
	r := participant(t, receiver)
	const id = "iso6523-actorid-upis%3A%3A0192%3A991825827"
	for _, base := range []string{"https://smp.example.org/smp", "https://smp.example.org/smp/"} {
		u := must[*url.URL](t)(url.Parse(base))
		if got, want := groupURL(u, canonical(r)).String(), "https://smp.example.org/smp/"+id; got != want {
			t.Errorf("DISC-063: got %s", got)
		}
		const busdox = "busdox-docid-qns%3A%3Aurn%3Aoasis%3Anames%3Aspecification%3Aubl%3Aschema%3Axsd%3AInvoice-2%3" +
			"A%3AInvoice%23%23urn%3Acen.eu%3Aen16931%3A2017%23compliant%23urn%3Afdc%3Apeppol.eu%3A2017%3Apoacc%3Ab" +
			"illing%3A3.0%3A%3A2.1"
		if got, want := serviceURL(u, canonical(r), doctype(t, invoice)).String(),
			"https://smp.example.org/smp/"+id+"/services/"+busdox; got != want {
			t.Errorf("DISC-031: got %s", got)
		}
		const pint = "peppol-doctype-wildcard%3A%3Aurn%3Aoasis%3Anames%3Aspecification%3Aubl%3Aschema%3Axsd%3AInvoice" +
			"-2%3A%3AInvoice%23%23urn%3Apeppol%3Apint%3Abilling-1%2A%3A%3A2.1"
		star := registered(t,
			"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:peppol:pint:billing-1*::2.1")
		if got, want := serviceURL(u, canonical(r), star).String(),
			"https://smp.example.org/smp/"+id+"/services/"+pint; got != want {
			t.Errorf("DISC-032: got %s", got)
		}
	}
	w := newWorld(t)
	if _, err := w.find(); err != nil {
		t.Fatal(err)
	}
	if got := w.smp.Requests(); len(got) != 1 || !strings.HasPrefix(got[0], "/"+id+"/services/busdox-docid-qns%3A%3A") {
		t.Errorf("DISC-031: the SMP saw %s", got)
	}
}

// TestWildcard has the worked cases of discovery.md §1.3.
func TestWildcard(t *testing.T) {
	t.Parallel()
	full := func(c string) string { return "urn:ns::Invoice##" + c + "::2.1" }
	for _, tc := range []struct {
		name, registered, document, want string
		gets                             int
	}{
		{"DISC-023 most parts win", "a* a@b*", "a@b@c", "a@b*", 3},
		{"DISC-021 star stands for nothing", "a* a@b*", "a@b", "a@b*", 2},
		{"DISC-021 shorter prefix", "a* a@b*", "a@c", "a*", 3},
		{"DISC-021 other root", "a* a@b*", "b@c", "", 4},
		{"DISC-023 exact wins", "a* a@b", "a@b", "a@b", 1},
		{"DISC-020 exact does not match longer ones", "a* a@b", "a@b@c", "a*", 4},
		{"DISC-020 no star, shorter document", "a@b", "a", "", 3},
		{"DISC-020 no star, longer document", "a@b", "a@b@c", "", 5},
		{"DISC-022 whole parts", "a*", "ab", "", 3},
		{
			"DISC-021 PINT", "urn:peppol:pint:billing-1*", "urn:peppol:pint:billing-1@eu-1",
			"urn:peppol:pint:billing-1*",
			3,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.smp.Unregister(w.r)
			for _, c := range strings.Fields(tc.registered) {
				s := w.service()
				s.DocType = registered(t, full(c))
				w.smp.Register(s)
			}
			w.d = registered(t, full(tc.document))
			e, err := w.find()
			if tc.want == "" {
				expect(t, tc.name, err, NoDocType)
			} else if err != nil || e.Registered.Customization() != tc.want {
				t.Errorf("got %+v, %v", e, err)
			}
			if got := len(w.smp.Requests()); got != tc.gets {
				t.Errorf("DISC-025: %d requests, want %d", got, tc.gets)
			}
		})
	}
}

// TestWildcardStops checks that only a 404 leads on to the next candidate.
func TestWildcardStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.smp.Unregister(w.r)
	exact, star := registered(t, "urn:ns::Invoice##a@b::2.1"), registered(t, "urn:ns::Invoice##a*::2.1")
	s := w.service()
	s.DocType = star
	w.smp.Register(s)
	s.DocType, s.URL = exact, otherURL
	w.smp.Register(s)
	w.d = exact
	only := func(_, d string) bool { return d == exact.String() }
	for name, tc := range map[string]struct {
		b    smptest.Behaviour
		want Reason
	}{
		"DISC-025 500":             {smptest.Behaviour{Only: only, Status: 500}, HTTPStatus},
		"DISC-025 wrong signature": {smptest.Behaviour{Only: only, Bytes: replace(otherURL, apURL)}, BadSignature},
		"DISC-025 unsigned":        {smptest.Behaviour{Only: only, Unsigned: true}, BadSignature},
		"DISC-025 404":             {smptest.Behaviour{Only: only, Status: 404}, ""},
	} {
		w.smp.Behave(tc.b)
		w.client.Forget(w.r, w.d)
		_, err := w.find()
		expect(t, name, err, tc.want)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.service()
	s.DocType = registered(t, "urn:ns::Invoice##a*::2.1")
	w.smp.Register(s)
	g, err := w.client.Lookup(context.Background(), w.r)
	if err != nil || len(g.DocTypes) != 2 || g.DocTypes[0] != w.d || g.DocTypes[1] != s.DocType ||
		len(g.Unreadable) != 0 || g.SMP != w.smp.URL() {
		t.Errorf("DISC-069: got %+v, %v", g, err)
	}
	_, err = w.client.Lookup(context.Background(), participant(t, elsewhere))
	expect(t, "DISC-067", err, UnknownToSMP)
	w.smp.Behave(smptest.Behaviour{Status: 500})
	_, err = w.client.Lookup(context.Background(), w.r)
	expect(t, "DISC-067", err, HTTPStatus)
	w.smp.Behave(smptest.Behaviour{Bytes: replace(receiver, elsewhere)})
	_, err = w.client.Lookup(context.Background(), w.r)
	expect(t, "DISC-072", err, OtherIdentifier)
	w.smp.Behave(smptest.Behaviour{Bytes: replace("ServiceGroup", "Other")})
	_, err = w.client.Lookup(context.Background(), w.r)
	expect(t, "DISC-098", err, BadResponse)
	w.smp.Behave(smptest.Behaviour{Bytes: func([]byte) []byte { return []byte("<!DOCTYPE a><a/>") }})
	_, err = w.client.Lookup(context.Background(), w.r)
	expect(t, "DISC-089", err, BadResponse)
	w.locator.err = &sml.Error{Reason: sml.NotRegistered}
	_, err = w.client.Lookup(context.Background(), w.r)
	expect(t, "DISC-048", err, NoParticipant)
}

// TestReference reads references as SMPs in the field write them.
func TestReference(t *testing.T) {
	t.Parallel()
	r := participant(t, "0088:abc")
	const d = "busdox-docid-qns%3A%3Aurn%3Aa%3A%3AB%23%23c%3A%3A1"
	for href, want := range map[string]bool{
		"https://smp.example.org/iso6523-actorid-upis%3A%3A0088%3Aabc/services/" +
			d: true,
		"http://b-0123.iso6523-actorid-upis.edelivery.tech.ec.europa.eu/iso6523-actorid-upis::0088:ABC/services/" +
			d: true,
		"https://smp.example.org/services/services/iso6523-actorid-upis%3a%3a0088%3aAbc/services/" +
			d: true,
		"https://smp.example.org/iso6523-actorid-upis::0088:abc/services/busdox-docid-qns::urn:a::B##c::1": true,
		"/iso6523-actorid-upis::0088:abc/services/" +
			d: true,
		"https://smp.example.org/iso6523-actorid-upis%3A%3A0088%3Aabc%2Fservices%2F" +
			d: true,
		"iso6523-actorid-upis%3A%3A0088%3Aabc/services/" +
			d: true,
		"https://smp.example.org/iso6523-actorid-upis::0088:abc/services/" + d +
			"?x=/services/y": true,
		"https://smp.example.org/iso6523-actorid-upis::0088:abc/services/" + d +
			"/": true,
		"https://smp.example.org/iso6523-actorid-upis::0088:abc/services/" + d +
			"/?": true,
		"https://smp.example.org/iso6523-actorid-upis%253A%253A0088%253Aabc/services/" + strings.ReplaceAll(d, "%",
			"%25"): true,
		"https://smp.example.org/iso6523-actorid-upis%3A%3A0088%3Aabd/services/" +
			d: false,
		"https://smp.example.org/iso6523-actorid-upis%3A%3A0088%3Aabc/services/busdox-docid-qns%3A%3Aurn": false,
		"https://smp.example.org/iso6523-actorid-upis%3A%3A0088%3Aabc/services/%zz":                       false,
		"https://smp.example.org/%zz/services/" +
			d: false,
		"https://smp.example.org/iso6523-actorid-upis%3A%3A0088%3Aabc": false,
		"":           false,
		"/services/": false,
		"https://smp.example.org/iso6523-actorid-upis%3A%3A0088%3Aabc/services/busdox-docid-qns%3A%3Aurn%3Aa%3A%3AB%2" +
			"3%23c%2A%3A%3A1": false,
	} {
		if got, ok := docTypeOf(href, r); ok != want || ok && got.Value() != "urn:a::B##c::1" {
			t.Errorf("DISC-069 %q: got %v, %t", href, got, ok)
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
	w := newWorld(t)
	c := &clock{now: time.Now()}
	w.client.Now = c.Now
	s := w.service()
	s.Until = c.now.Add(20 * time.Minute)
	w.smp.Unregister(w.r)
	w.smp.Register(s)
	for _, step := range []struct {
		name string
		wait time.Duration
		gets int
		do   func()
		want Reason
	}{
		{name: "DISC-052 first", gets: 1},
		{name: "DISC-052 within 15 minutes", wait: 14 * time.Minute},
		{name: "DISC-052 after 15 minutes", wait: time.Minute, gets: 1},
		{name: "DISC-052 before the endpoint ends", wait: 4 * time.Minute},
		{name: "DISC-052 when the endpoint has ended", wait: time.Minute + time.Second, gets: 1, want: NotActive},
		{name: "DISC-052 a new registration shows at once", gets: 1, do: func() {
			w.smp.Unregister(w.r)
			w.smp.Register(w.service())
		}},
		{name: "AS4-125 forgotten", gets: 1, do: func() { w.client.Forget(w.r, w.d) }},
		{name: "DISC-052 other SMP, other entry", gets: 0, do: func() {
			other := w.server(t, smptest.Options{Signer: w.signer})
			other.Register(w.service())
			w.locator.url = other.URL()
		}},
	} {
		if step.do != nil {
			step.do()
		}
		c.add(step.wait)
		before := len(w.smp.Requests())
		_, err := w.find()
		expect(t, step.name, err, step.want)
		if got := len(w.smp.Requests()) - before; got != step.gets {
			t.Errorf("%s: %d requests, want %d", step.name, got, step.gets)
		}
	}
}

// TestCacheSpares checks what is not remembered.
func TestCacheSpares(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.smp.Behave(smptest.Behaviour{Unsigned: true})
	_, err := w.find()
	expect(t, "DISC-052 unsigned", err, BadSignature)
	w.smp.Behave(smptest.Behaviour{})
	_, err = w.find()
	expect(t, "DISC-052 the failure is not remembered", err, "")
	w.smp.Behave(smptest.Behaviour{Status: 500})
	_, err = w.find()
	expect(t, "DISC-052 remembered while the SMP is down", err, "")
	_, err = w.client.Endpoint(context.Background(), w.r, w.d, processID(t, "urn:other"))
	expect(t, "DISC-052 what is remembered does not say no", err, HTTPStatus)

	now, m := time.Now(), &metadata{signer: w.signer.Cert}
	for i := range maxCached + 10 {
		w.client.cache.Put(cacheKey{base: time.Duration(i).String()}, m, now, now.Add(time.Minute), maxCached)
	}
	if n := w.client.cache.Len(); n > maxCached {
		t.Errorf("DISC-052: %d entries", n)
	}
	if got := m.until(w.signer.Cert.NotAfter.Add(-time.Second),
		w.signer.Cert.NotAfter.Add(time.Hour)); !got.Equal(w.signer.Cert.NotAfter) {
		t.Errorf("DISC-052: beyond the signer's certificate: %s", got)
	}
	if (&Client{TTL: time.Hour}).ttl() != DefaultTTL {
		t.Error("DISC-052: more than 15 minutes")
	}
}

// TestMoved checks that a participant who moved to another SMP is found there at once.
func TestMoved(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]smptest.Behaviour{"DISC-051 404": {Status: 404}, "DISC-051 500": {Status: 500}} {
		w := newWorld(t)
		w.smp.Behave(b)
		target := w.server(t, smptest.Options{Signer: w.other})
		target.Register(w.service())
		w.locator.next = target.URL()
		if e, err := w.find(); err != nil || e.SMP != target.URL() {
			t.Errorf("%s: got %+v, %v", name, e, err)
		}
		if w.locator.asked != 2 || w.locator.forgot != 1 {
			t.Errorf("%s: asked %d times, forgot %d times", name, w.locator.asked, w.locator.forgot)
		}
	}
}

// TestTogether checks that many who ask at the same time make one lookup, and that one who gives up does not end it.
func TestTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.smp.Behave(smptest.Behaviour{Delay: time.Second})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := w.find()
		expect(t, "TB-205 first", err, "")
	})
	for len(w.smp.Requests()) == 0 {
		time.Sleep(time.Millisecond)
	}
	impatient, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := w.client.Endpoint(impatient, w.r, w.d, w.p)
	expect(t, "DISC-050 given up", err, Unavailable)
	for range 200 {
		wg.Go(func() {
			_, err := w.find()
			expect(t, "TB-205", err, "")
		})
	}
	wg.Wait()
	if n := len(w.smp.Requests()); n != 1 {
		t.Errorf("TB-205: %d requests", n)
	}
	if w.client.flight.calls[w.r.Value()+" "+w.d.String()] != nil {
		t.Error("a finished lookup is still there")
	}
}

// TestGivenUp checks that a lookup that nobody waits for ends.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	var f flight
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go cancel()
	if _, err := f.share(ctx, "key", func(ctx context.Context) (*metadata, error) {
		defer close(ended)
		<-ctx.Done()
		return nil, ctx.Err()
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-ended
}
