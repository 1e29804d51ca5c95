package peppol

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

func TestParticipant(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		ok       bool
	}{
		{"DISC-001 value", "0192:991825827", true},
		{"DISC-001 with scheme", "iso6523-actorid-upis::0192:991825827", true},
		{"DISC-002 all allowed characters", "0088:aZ9-._~", true},
		{"DISC-002 130 characters", "0088:" + strings.Repeat("x", 130), true},
		{"DISC-002 131 characters", "0088:" + strings.Repeat("x", 131), false},
		{"DISC-004 another scheme", "iso6523-actorid-UPIS::0192:991825827", false},
		{"DISC-001 three digits", "192:991825827", false},
		{"DISC-001 five digits", "01920:991825827", false},
		{"DISC-001 letters", "abcd:991825827", false},
		{"DISC-001 no colon", "0192991825827", false},
		{"DISC-002 empty value", "0192:", false},
		{"DISC-002 blank", "0192:99 1825827", false},
		{"DISC-002 slash", "0192:99/1", false},
		{"DISC-002 second colon", "0192:99:1", false},
		{"DISC-002 not ASCII", "0192:æ", false},
		{"empty", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := ParseParticipant(tc.in)
			if (err == nil) != tc.ok {
				t.Fatalf("%v", err)
			}
			if tc.ok && p.String() != SchemeParticipant+"::"+strings.TrimPrefix(tc.in, SchemeParticipant+"::") {
				t.Errorf("DISC-030 written as %s", p)
			}
		})
	}
	a, _ := ParseParticipant("0088:ABc")
	b, _ := ParseParticipant("0088:abc")
	c, _ := ParseParticipant("0010:abc")
	if !a.Equal(b) || b.Equal(c) || a.Value() != "0088:ABc" {
		t.Error("DISC-003 comparison is not without letter case, or the spelling is lost")
	}
}

func TestDISC007Norwegian(t *testing.T) {
	for value, ok := range map[string]bool{
		"0192:991825827": true, "0192:810418052": true, "0192:923609016": true, "0192:986252932": true,
		"0192:745707327": true,
		"0192:810018902": false, "0192:12345678": false, "0192:99182582x": false, "0088:1": true,
		"9908:991825827": true, "9908:810018902": false,
	} {
		p, err := ParseParticipant(value)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.CheckNorwegian(); (err == nil) != ok {
			t.Errorf("%s: %v", value, err)
		}
	}
}

const bis = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:2017#compliant#urn:" +
	"fdc:peppol.eu:2017:poacc:billing:3.0::2.1"

func TestDocType(t *testing.T) {
	d, err := ParseDocType("busdox-docid-qns::" + bis)
	if err != nil {
		t.Fatal(err)
	}
	space, local, ok := d.Root()
	if d.Scheme() != SchemeBusdox || d.Value() != bis ||
		space != "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" || local != "Invoice" || !ok ||
		d.Version() != "2.1" ||
		d.Customization() != "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0" {
		t.Errorf("DISC-010, SBDH-028: %+v", d)
	}
	for _, tc := range []struct {
		name, scheme, value string
		ok, registered      bool
	}{
		{"DISC-012 unknown scheme", "busdox-docid", bis, false, false},
		{"DISC-010 no version", SchemeBusdox, "a::b##c", false, false},
		{"DISC-103 no customization", SchemeBusdox, "a::b##::1", true, true},
		{"DISC-103 no customization and no version", SchemeBusdox, "a::b##::", false, false},
		{"DISC-103 no wildcard type is without customization", SchemeWildcard, "a::b##::1", false, false},
		{"DISC-010 no syntax", SchemeBusdox, "##c::1", false, false},
		{"DISC-010 customization with colons", SchemeBusdox, "a::b##c::d::1", true, true},
		{"DISC-013 blank", SchemeBusdox, "a::b##c d::1", false, false},
		{"DISC-013 no-break space", SchemeBusdox, "a::b##c\u00a0d::1", false, false},
		{"DISC-013 star in busdox", SchemeBusdox, "a::b##c*::1", false, false},
		{"DISC-018 star in a document", SchemeWildcard, "a::b##c*::1", false, true},
		{"DISC-018 two stars", SchemeWildcard, "a::b##c**::1", false, false},
		{"DISC-018 star after @", SchemeWildcard, "a::b##c@*::1", false, false},
		{"DISC-018 star alone", SchemeWildcard, "a::b##*::1", false, false},
		{"DISC-018 star inside", SchemeWildcard, "a::b##a*@b::1", false, false},
		{"DISC-017 parts", SchemeWildcard, "a::b##c@d@e::1", true, true},
		{"SBDH-029 not XML", SchemeBusdox, "urn:peppol:doctype:pdf+xml##urn:cen.eu:en16931:2017::D22B", true, true},
		{"500 characters", SchemeBusdox, "a::b##" + strings.Repeat("c", 491) + "::1", true, true},
		{"too long", SchemeBusdox, "a::b##" + strings.Repeat("c", 492) + "::1", false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := NewDocType(tc.scheme, tc.value); (err == nil) != tc.ok {
				t.Errorf("document: %v", err)
			}
			if _, err := ParseRegisteredDocType(tc.scheme, tc.value); (err == nil) != tc.registered {
				t.Errorf("registration: %v", err)
			}
		})
	}
}

// DISC-020 to DISC-024: the worked cases of the wildcard algorithm.
func TestDISC023Candidates(t *testing.T) {
	id := func(c string) string { return "n::l##" + c + "::1" }
	for _, tc := range []struct{ registered, doc, want string }{
		{"a* a@b*", "a@b@c", "a@b*"},
		{"a* a@b*", "a@b", "a@b*"},
		{"a* a@b*", "a@c", "a*"},
		{"a* a@b*", "b@c", ""},
		{"a* a@b", "a@b", "a@b"},
		{"a* a@b", "a@b@c", "a*"},
		{"a@b", "a", ""},
		{"a@b", "a@b@c", ""},
		{"a*", "ab", ""},
		{"a*", "a", "a*"},
	} {
		d, err := NewDocType(SchemeWildcard, id(tc.doc))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range d.Candidates() {
			for r := range strings.FieldsSeq(tc.registered) {
				if got == "" && c.Value() == id(r) {
					got = r
				}
			}
		}
		if got != tc.want {
			t.Errorf("%s registered, document %s: got %q, want %q", tc.registered, tc.doc, got, tc.want)
		}
	}
	d, err := NewDocType(SchemeBusdox, bis)
	if err != nil || len(d.Candidates()) != 1 {
		t.Errorf("DISC-014, DISC-026: busdox types match exactly: %v, %v", d.Candidates(), err)
	}
}

func TestProcessAndSeat(t *testing.T) {
	p, err := ParseProcess("urn:fdc:peppol.eu:2017:poacc:billing:01:1.0")
	if err != nil || p.String() != "cenbii-procid-ubl::urn:fdc:peppol.eu:2017:poacc:billing:01:1.0" {
		t.Errorf("DISC-027: %s, %v", p, err)
	}
	for _, bad := range []string{"", "a b", strings.Repeat("x", 201)} {
		if _, err := ParseProcess(bad); err == nil {
			t.Errorf("DISC-027: %.20q accepted", bad)
		}
	}
	for s, ok := range map[string]bool{
		"PNO000123": true, "POP900001": true, "pno000123": false, "PNO00012": false,
		"PN1000123": false, "XNO000123": false, "PNO00012x": false,
	} {
		if _, err := ParseSeat(s); (err == nil) != ok {
			t.Errorf("DISC-009 %s: %v", s, err)
		}
	}
	if got := SeatID("PNO000123").SPID().Value(); got != "0242:000123" {
		t.Errorf("DISC-009: %s", got)
	}
	for c, known := range map[string]bool{
		"NO": true, "XK": true, "1A": true, "XX": false, "no": false, "NOR": false,
		"": false,
	} {
		if KnownCountry(c) != known {
			t.Errorf("SBDH-016 %q", c)
		}
	}
}

// Every identifier of the published code lists parses.
func TestCodeLists(t *testing.T) {
	var docs struct {
		Values []struct{ Scheme, Value, State string }
	}
	read := func(name string, v any) {
		b, err := os.ReadFile(golden.Shared(t, "data/"+name))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, v); err != nil {
			t.Fatal(err)
		}
	}
	read("Peppol Code Lists - Document types v9.7.json", &docs)
	n := 0
	for _, v := range docs.Values {
		if v.State == "removed" {
			continue
		}
		n++
		if _, err := ParseRegisteredDocType(v.Scheme, v.Value); err != nil {
			t.Errorf("%v", err)
		}
	}
	if n < 100 {
		t.Errorf("%d document types only", n)
	}
}

func FuzzIdentifiers(f *testing.F) {
	f.Add("iso6523-actorid-upis::0192:991825827")
	f.Add("busdox-docid-qns::" + bis)
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParseParticipant(s); err == nil {
			if q, err := ParseParticipant(p.String()); err != nil || q != p {
				t.Errorf("%q reads back as %v, %v", s, q, err)
			}
		}
		if d, err := ParseDocType(s); err == nil {
			if e, err := ParseDocType(d.String()); err != nil || e != d {
				t.Errorf("%q reads back as %v, %v", s, e, err)
			}
		}
	})
}
