package smp

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/peppol"
	smptest "github.com/ravn-ap/ravn/testbed/smp"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := time.Now().Truncate(time.Second)
	w.client.Now = func() time.Time { return now.Add(900 * time.Millisecond) } // both dates include their second
	type change func(*smptest.Service)
	plain := func(*smptest.Service) {}
	address := func(u string) change { return func(s *smptest.Service) { s.URL = u } }
	profile := func(p string) change { return func(s *smptest.Service) { s.Profile, s.URL = p, otherURL } }
	from := func(d time.Duration) change { return func(s *smptest.Service) { s.From = now.Add(d) } }
	until := func(d time.Duration) change {
		return func(s *smptest.Service) { s.Until, s.URL = now.Add(d), otherURL }
	}
	for _, tc := range []struct {
		name    string
		changes []change
		want    Reason
		url     string
	}{
		{"DISC-074 one", []change{plain}, "", apURL},
		{"DISC-029 AS2 only", []change{profile("busdox-transport-as2-ver1p0")}, NoProcess, ""},
		{"DISC-029 AS4 1.0 only", []change{profile("peppol-transport-as4-v1_0")}, NoProcess, ""},
		{"DISC-029 other case", []change{profile("Peppol-Transport-AS4-v2_0")}, NoProcess, ""},
		{"DISC-074 several profiles", []change{profile("busdox-transport-as2-ver2p0"), plain}, "", apURL},
		{"DISC-075 not active yet", []change{from(time.Second)}, NotActive, ""},
		{"DISC-075 active since now", []change{from(0)}, "", apURL},
		{"DISC-075 expired", []change{until(-time.Second)}, NotActive, ""},
		{"DISC-075 expires in this second", []change{until(0)}, "", otherURL},
		{"DISC-075 expires in a second", []change{until(time.Second)}, "", otherURL},
		{"DISC-075 the old one has ended", []change{until(-time.Hour), plain}, "", apURL},
		{"DISC-075 the new one has not begun", []change{until(time.Hour), from(time.Hour)}, "", otherURL},
		{"SEC-114 the same twice", []change{plain, plain}, "", apURL},
		{"SEC-114 different addresses", []change{plain, address(otherURL)}, BadResponse, ""},
		{"DISC-074 the first usable one", []change{address("http://192.0.2.1/"), plain}, "", apURL},
		{"DISC-076 public address in local", []change{address("https://ap.example.org/as4")}, BadEndpoint, ""},
		{"DISC-076 not a URL", []change{address("ap.example.org")}, BadEndpoint, ""},
		{"DISC-076 user information", []change{address("https://a:b@localhost/as4")}, BadEndpoint, ""},
		{"DISC-077 no certificate", []change{func(s *smptest.Service) { s.Cert = nil }}, BadCertificate, ""},
	} {
		w.smp.Unregister(w.r)
		w.client.Forget(w.r, w.d)
		for _, c := range tc.changes {
			s := w.service()
			c(&s)
			w.smp.Register(s)
		}
		e, err := w.find()
		expect(t, tc.name, err, tc.want)
		if err == nil && e.URL != tc.url {
			t.Errorf("%s: got %s", tc.name, e.URL)
		}
	}
}

// TestProcesses checks that the process decides, of several, and that a process may stand in two lists.
func TestProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.service()
	other.Process, other.URL = processID(t, "urn:other"), otherURL
	w.smp.Register(other)
	for p, want := range map[peppol.ProcessID]string{w.p: apURL, other.Process: otherURL} {
		if e, err := w.client.Endpoint(context.Background(), w.r, w.d, p); err != nil || e.URL != want {
			t.Errorf("DISC-074 %s: got %+v, %v", p, e, err)
		}
	}
	if n := len(w.smp.Requests()); n != 1 {
		t.Errorf("DISC-052: %d requests for one document type", n)
	}
}

// TestStrictEndpoint checks endpoint addresses as test and production see them.
func TestStrictEndpoint(t *testing.T) {
	t.Parallel()
	c := &Client{guard: &Guard{}}
	for address, want := range map[string]bool{
		"https://ap.example.org/as4": true, "https://ap.example.org:443/as4?x=y": true,
		"http://ap.example.org/as4": false, "https://ap.example.org:8443/as4": false, "https://127.0.0.1/as4": false,
		"": false,
	} {
		if _, err := c.usable(endpoint{address: address}); (err == nil) != want {
			t.Errorf("DISC-076 %q: got %v", address, err)
		}
	}
}

// DISC-075: xs:dateTime in full, as XML Schema has it.
func TestDateTime(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"2026-11-20T10:00:00Z":                  "2026-11-20T10:00:00Z",
		"2026-11-20T10:00:00+01:00":             "2026-11-20T09:00:00Z",
		"2026-11-20T10:00:00-14:00":             "2026-11-21T00:00:00Z",
		"2026-11-20T10:00:00+05:45":             "2026-11-20T04:15:00Z",
		"2026-11-20T10:00:00.123Z":              "2026-11-20T10:00:00.123Z",
		"2026-11-20T10:00:00.1234567":           "2026-11-20T10:00:00.1234567Z", // no zone: UTC
		"2026-11-20T10:00:00.12345678901234567": "2026-11-20T10:00:00.123456789Z",
		"2026-11-20T10:00:00":                   "2026-11-20T10:00:00Z",
		"2026-12-31T24:00:00Z":                  "2027-01-01T00:00:00Z",
		"2028-02-29T24:00:00.000+01:00":         "2028-02-29T23:00:00Z",
		"12026-01-01T00:00:00Z":                 "12026-01-01T00:00:00Z",
		"9999-12-31T23:59:59.9999999":           "9999-12-31T23:59:59.9999999Z",
		"99999999999999999-01-01T00:00:00Z":     "999999999-01-01T00:00:00Z",
		"-0001-06-01T00:00:00Z":                 "0000-06-01T00:00:00Z",
		"0001-01-01T00:00:00":                   "0001-01-01T00:00:00.000000001Z", // a date, long ago
		"":                                      "0001-01-01T00:00:00Z",
		"2026-11-20":                            "",
		"2026-11-20T10:00Z":                     "",
		"2026-11-20T10:00:00.Z":                 "",
		"2026-11-20T10:00:00,5Z":                "",
		"2026-11-20t10:00:00Z":                  "",
		"2026-11-20T10:00:00z":                  "",
		"2026-11-20 10:00:00Z":                  "",
		"2026-13-20T10:00:00Z":                  "",
		"2026-00-20T10:00:00Z":                  "",
		"2026-02-29T10:00:00Z":                  "",
		"2026-11-00T10:00:00Z":                  "",
		"2026-11-20T24:00:01Z":                  "",
		"2026-11-20T24:00:00.1Z":                "",
		"2026-11-20T25:00:00Z":                  "",
		"2026-11-20T10:60:00Z":                  "",
		"2026-11-20T10:00:60Z":                  "",
		"2026-11-20T10:00:00+14:01":             "",
		"2026-11-20T10:00:00+01:60":             "",
		"2026-11-20T10:00:00+0100":              "",
		"02026-11-20T10:00:00Z":                 "",
		"226-11-20T10:00:00Z":                   "",
		"0000-01-01T00:00:00Z":                  "",
		"+2026-11-20T10:00:00Z":                 "",
		"20.11.2026":                            "",
		"2026-11-20T10:00:00Zulu":               "",
		strings.Repeat("2026-11-20T", 10):       "",
	} {
		got, err := dateTime(s)
		if (err == nil) != (want != "") || err == nil && got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("DISC-075 %q: got %s, %v", s, got.Format(time.RFC3339Nano), err)
		}
	}
}

// TestRedirect follows the Redirect element, which is not a redirect of HTTP (DISC-081 to DISC-084).
func TestRedirect(t *testing.T) {
	t.Parallel()
	const good = "C=NO, O=Ravn testbed,OU=PEPPOL TEST SMP,cn=PNO000002"
	for _, tc := range []struct {
		name  string
		uid   string
		first smptest.Behaviour // of the SMP that redirects
		then  smptest.Behaviour // of its destination
		href  string            // instead of the destination
		want  Reason
	}{
		{name: "DISC-081 followed", uid: good},
		{name: "DISC-084 in another order", uid: "CN=PNO000002,OU=PEPPOL TEST SMP,O=Ravn testbed,C=NO"},
		{
			name: "DISC-084 RFC 5280 §7.1: letter case and blanks",
			uid:  "c=no,O=RAVN   testbed, OU=peppol test smp ,CN=pno000002",
		},
		{
			name: "DISC-084 a blank more", uid: "C=NO,O=Ravn test bed,OU=PEPPOL TEST SMP,CN=PNO000002",
			want: RedirectSigner,
		},
		{name: "DISC-084 another signer", uid: strings.ReplaceAll(good, "2", "9"), want: RedirectSigner},
		{name: "DISC-084 part of the name", uid: "CN=PNO000002", want: RedirectSigner},
		{name: "DISC-084 no name", uid: "", want: RedirectSigner},
		{name: "DISC-083 redirect unsigned", uid: good, first: smptest.Behaviour{Unsigned: true}, want: BadSignature},
		{
			name: "DISC-083 redirect changed", uid: good,
			first: smptest.Behaviour{Bytes: replace("PNO000002", "PNO000003")}, want: BadSignature,
		},
		{name: "DISC-083 destination unsigned", uid: good, then: smptest.Behaviour{Unsigned: true}, want: BadSignature},
		{
			name: "DISC-083 destination changed", uid: good, then: smptest.Behaviour{Bytes: replace(apURL, otherURL)},
			want: BadSignature,
		},
		{
			name: "DISC-072 destination about somebody else", uid: good,
			then: smptest.Behaviour{Document: edit("id:ParticipantIdentifier", elsewhere)}, want: OtherIdentifier,
		},
		{name: "DISC-081 nothing there", uid: good, then: smptest.Behaviour{Status: 404}, want: BadResponse},
		{name: "DISC-067 destination fails", uid: good, then: smptest.Behaviour{Status: 500}, want: HTTPStatus},
		{
			name: "DISC-066 destination redirects by HTTP", uid: good,
			then: smptest.Behaviour{Status: 302, Location: "/"},
			want: HTTPStatus,
		},
		{name: "DISC-082 forbidden address", uid: good, href: "https://192.0.2.1/", want: Forbidden},
		{name: "DISC-082 cloud metadata", uid: good, href: "http://169.254.169.254/latest/", want: Forbidden},
		{name: "DISC-082 a file", uid: good, href: "file:///etc/passwd", want: Forbidden},
		{name: "DISC-082 not complete", uid: good, href: "/smp/services", want: Forbidden},
		{name: "DISC-082 empty", uid: good, href: " ", want: Forbidden},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			target := w.server(t, smptest.Options{Signer: w.other})
			target.Register(w.service())
			href := target.ServiceURL(w.r, w.d)
			if tc.href != "" {
				href = tc.href
			}
			w.smp.Unregister(w.r)
			w.smp.Redirect(w.r, w.d, href, tc.uid)
			w.smp.Behave(tc.first)
			target.Behave(tc.then)
			e, err := w.find()
			expect(t, tc.name, err, tc.want)
			if err == nil && (e.URL != apURL || e.SMP != target.URL() || !e.Signer.Equal(w.other.Cert)) {
				t.Errorf("got %+v", e)
			}
			if n := len(target.Requests()); tc.first.Unsigned && n != 0 {
				t.Errorf("DISC-083: %d requests followed an unverified Redirect", n)
			}
		})
	}
}

func TestRedirectTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	second, third := w.server(t, smptest.Options{Signer: w.other}), w.server(t, smptest.Options{Signer: w.other})
	uid := w.other.Cert.Subject.String()
	w.smp.Unregister(w.r)
	w.smp.Redirect(w.r, w.d, second.ServiceURL(w.r, w.d), uid)
	second.Redirect(w.r, w.d, third.ServiceURL(w.r, w.d), uid)
	third.Register(w.service())
	_, err := w.find()
	expect(t, "DISC-081 a second Redirect", err, SecondRedirect)
	second.Unregister(w.r)
	second.Redirect(w.r, w.d, second.ServiceURL(w.r, w.d), uid)
	_, err = w.find()
	expect(t, "DISC-081 a Redirect to itself", err, SecondRedirect)
	if n := len(third.Requests()); n != 0 {
		t.Errorf("DISC-081: %d requests went on", n)
	}
}
