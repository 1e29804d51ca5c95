package sml

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/miekg/dns"

	dnstest "github.com/ravn-ap/ravn/testbed/sml"
)

type record struct {
	order, preference uint16
	flags, service    string
	regexp            string
}

func smpAt(regexp string) []record { return []record{{100, 10, "U", "Meta:SMP", regexp}} }

// TestNAPTR sends each set of records over the wire (DISC-038 to DISC-045, SEC-110).
func TestNAPTR(t *testing.T) {
	t.Parallel()
	s, strict := start(t)
	local := &Resolver{Zone: zone, Server: s.Addr(), Local: true}
	for _, tc := range []struct {
		name    string
		records []record
		want    string // URL or reason
	}{
		{"DISC-041 ELMA", smpAt("!.*!https://smp.elma-smp.no/!"), "https://smp.elma-smp.no"},
		{"DISC-041 anchored", smpAt("!^.*$!https://smp.example.org/smp!"), "https://smp.example.org/smp"},
		{"DISC-040 flag i", smpAt("!.*!https://x.example!i"), "https://x.example"},
		{"DISC-040 other delimiter", smpAt("#.*#https://x.example/#"), "https://x.example"},
		{"DISC-038 lower case", []record{{1, 1, "u", "meta:smp", "!.*!https://x.example!"}}, "https://x.example"},
		{"DISC-043 scheme in capitals", smpAt("!.*!HTTPS://x.example/A!"), "https://x.example/A"},
		{
			"DISC-043 long path", smpAt("!.*!https://server.example.org/path/to/my/smp!"),
			"https://server.example.org/path/to/my/smp",
		},
		{"DISC-045 port 443", smpAt("!.*!https://x.example:443/!"), "https://x.example:443"},
		{"DISC-039 order before preference", []record{
			{20, 1, "U", "Meta:SMP", "!.*!https://c.example!"},
			{10, 9, "U", "Meta:SMP", "!.*!https://b.example!"},
			{10, 2, "U", "Meta:SMP", "!.*!https://a.example!"},
		}, "https://a.example"},
		{"DISC-039 first valid one", []record{
			{1, 1, "U", "Meta:SMP", "!.*!http://a.example!"}, {2, 1, "U", "Meta:SMP", "!.*!https://b.example!"},
		}, "https://b.example"},
		{"DISC-038 other services are ignored", []record{
			{1, 1, "U", "Meta:Other", "!.*!https://a.example!"},
			{1, 2, "S", "Meta:SMP", "!.*!https://b.example!"},
			{9, 9, "U", "Meta:SMP", "!.*!https://c.example!"},
		}, "https://c.example"},
		{"DISC-038 no service", []record{{1, 1, "U", "Meta:SMPX", "!.*!https://a.example!"}}, string(NoService)},
		{"DISC-038 flag S", []record{{1, 1, "S", "Meta:SMP", "!.*!https://a.example!"}}, string(NoService)},

		{"DISC-043 http", smpAt("!.*!http://x.example!"), string(BadRecord)},
		{"DISC-043 ftp", smpAt("!.*!ftp://x.example!"), string(BadRecord)},
		{"DISC-043 file", smpAt("!.*!file:///etc/passwd!"), string(BadRecord)},
		{"DISC-043 javascript", smpAt("!.*!javascript:alert(1)!"), string(BadRecord)},
		{"DISC-043 user", smpAt("!.*!https://user@x.example!"), string(BadRecord)},
		{"DISC-043 user and password", smpAt("!.*!https://good.example:a@evil.example!"), string(BadRecord)},
		{"DISC-043 query", smpAt("!.*!https://x.example/?a=b!"), string(BadRecord)},
		{"DISC-043 empty query", smpAt("!.*!https://x.example/?!"), string(BadRecord)},
		{"DISC-043 fragment", smpAt("!.*!https://x.example/#a!"), string(BadRecord)},
		{"DISC-043 empty fragment", smpAt("!.*!https://x.example/#!"), string(BadRecord)},
		{"DISC-043 opaque", smpAt("!.*!https:x.example!"), string(BadRecord)},
		{"DISC-043 no host", smpAt("!.*!https:///smp!"), string(BadRecord)},
		{"DISC-043 relative", smpAt("!.*!//x.example/smp!"), string(BadRecord)},
		{"DISC-043 blank", smpAt("!.*!https://x.example/a b!"), string(BadRecord)},
		{"DISC-043 line break", smpAt("!.*!https://x.example/\r\nHost: y!"), string(BadRecord)},
		{"DISC-043 not ASCII", smpAt("!.*!https://smp.exämple.org/!"), string(BadRecord)},
		{"DISC-043 dots", smpAt("!.*!https://x.example/a/../b!"), string(BadRecord)},
		{"DISC-043 encoded dots", smpAt("!.*!https://x.example/%2e%2e/b!"), string(BadRecord)},
		{"DISC-043 two slashes", smpAt("!.*!https://x.example//!"), string(BadRecord)},
		{"DISC-045 port 8443", smpAt("!.*!https://x.example:8443!"), string(BadRecord)},
		{"DISC-045 empty port", smpAt("!.*!https://x.example:!"), string(BadRecord)},
		{"DISC-040 empty", smpAt(""), string(BadRecord)},
		{"DISC-040 two delimiters", smpAt("!.*!https://x.example"), string(BadRecord)},
		{"DISC-040 four delimiters", smpAt("!.*!https://x.example!i!"), string(BadRecord)},
		{"DISC-040 unknown flag", smpAt("!.*!https://x.example!g"), string(BadRecord)},
		{"DISC-040 digit as delimiter", smpAt("1.*1https://x.example1"), string(BadRecord)},
		{"DISC-040 i as delimiter", smpAt("i.*ihttps://x.examplei"), string(BadRecord)},
		{"DISC-042 other pattern", smpAt("!^B-(.*)$!https://x.example!"), string(BadRecord)},
		{"DISC-042 empty pattern", smpAt("!!https://x.example!"), string(BadRecord)},
		{"SEC-110 back-reference", smpAt(`!.*!https://\\1.evil.example!`), string(BadRecord)},
		{"SEC-110 back-reference in a group", smpAt(`!^(.*)$!https://\\1!`), string(BadRecord)},
		{"SEC-110 backslash as delimiter", smpAt(`\\.*\\https://x.example\\`), string(BadRecord)},
		{"SEC-110 catastrophic pattern", smpAt("!(a+)+$!https://x.example!"), string(BadRecord)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := participant(t, "0192:991825827")
			var list []*dns.NAPTR
			for _, r := range tc.records {
				list = append(list, dnstest.NAPTR(r.order, r.preference, r.flags, r.service, r.regexp))
			}
			s.Set(p, list...)
			strict.Forget(p)
			u, err := strict.Locate(context.Background(), p)
			if got := string(reasonOf(t, err)); err != nil && got != tc.want || err == nil && u.String() != tc.want {
				t.Errorf("got %v, %v, want %s", u, err, tc.want)
			}
		})
	}
	for text, want := range map[string]string{
		"!.*!http://127.0.0.1:8080/smp!":    "http://127.0.0.1:8080/smp",
		"!.*!https://localhost:9443/!":      "https://localhost:9443",
		"!.*!ftp://127.0.0.1/!":             string(BadRecord),
		"!.*!http://user@127.0.0.1:8080/a!": string(BadRecord),
	} {
		p := participant(t, "0192:991825827")
		s.Set(p, dnstest.NAPTR(1, 1, "U", "Meta:SMP", text))
		local.Forget(p)
		if u, err := local.Locate(context.Background(), p); err != nil && string(reasonOf(t, err)) != want ||
			err == nil && u.String() != want {
			t.Errorf("D-20 %s: got %v, %v", text, u, err)
		}
	}
}

func TestReplacement(t *testing.T) {
	t.Parallel()
	n := dnstest.NAPTR(1, 1, "U", "Meta:SMP", "!.*!https://x.example!")
	n.Replacement = "elsewhere.example."
	if a := choose([]*dns.NAPTR{n}, false); a.reason != BadRecord {
		t.Errorf("DISC-040: got %+v", a)
	}
}

// FuzzNAPTR feeds a regexp field to the reader: what comes out is a plain https URL.
func FuzzNAPTR(f *testing.F) {
	for _, s := range []string{
		"!.*!https://smp.elma-smp.no/!", "!^.*$!https://smp.example.org/smp!i", "#.*#https://x/#", `!.*!https://\1!`,
		"!.*!http://x!", "!!!", "",
		"!.*!https://user:pass@x.example:443/a?b#c!", "!.*!https://[::1]/!", "!.*!https://x.example/%2e%2e/!",
		"!.*!https://x%2eexample/!",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := address(&dns.NAPTR{Regexp: s, Replacement: "."}, false)
		if err != nil {
			return
		}
		if u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
			strings.HasSuffix(u.Path, "/") {
			t.Errorf("%q gives %q", s, u)
		}
		if again, err := url.Parse(u.String()); err != nil || again.String() != u.String() {
			t.Errorf("%q does not read back: %v", u, err)
		}
	})
}
