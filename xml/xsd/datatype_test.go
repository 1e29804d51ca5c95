package xsd

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

// datatypeCases are values of the built-in types and what XML Schema Part 2 says about them.
var datatypeCases = []struct {
	types   string
	yes, no []string
}{
	{"string", []string{"", " a\n", "é😀"}, nil},
	{"normalizedString token", []string{"", " a\n b "}, nil},
	{"boolean", []string{"true", "false", "1", "0", " true\n"}, []string{"", "TRUE", "yes", "01", "t rue"}},
	{
		"decimal",
		[]string{"0", "-1", "+1.50", ".5", "5.", " 7 ", "00012", "-0.0", strings.Repeat("9", 400)},
		[]string{"", ".", "+", "-", "1e3", "1,5", "1 0", "--1", "+-1", "INF", "٣", "0x1", "1.2.3"},
	},
	{"integer", []string{"0", "-1", "+1", "007", strings.Repeat("9", 400)}, []string{"", "1.0", "1.", ".", "1e3", "-"}},
	{"nonNegativeInteger", []string{"0", "-0", "+1"}, []string{"-1", "1.0"}},
	{"nonPositiveInteger", []string{"0", "-0", "-1"}, []string{"1", "+1"}},
	{"positiveInteger", []string{"1", "+1"}, []string{"0", "-1"}},
	{"negativeInteger", []string{"-1"}, []string{"0", "1"}},
	{
		"long",
		[]string{"9223372036854775807", "-9223372036854775808"},
		[]string{"9223372036854775808", "-9223372036854775809"},
	},
	{"int", []string{"2147483647", "-2147483648", "+0000000000001"}, []string{"2147483648", "-2147483649"}},
	{"short", []string{"32767", "-32768"}, []string{"32768", "-32769"}},
	{"byte", []string{"127", "-128"}, []string{"128", "-129"}},
	{"unsignedLong", []string{"18446744073709551615", "0"}, []string{"18446744073709551616", "-1"}},
	{"unsignedInt", []string{"4294967295", "0"}, []string{"4294967296", "-1"}},
	{"unsignedShort", []string{"65535"}, []string{"65536"}},
	{"unsignedByte", []string{"255"}, []string{"256"}},
	{
		"float double",
		[]string{"0", "-1.5", "1e3", "1E-3", ".5", "5.e2", "+1", "INF", "-INF", "NaN", "1e400"},
		[]string{"", "+INF", "inf", "nan", "1e", "e1", "1e1.5", "1e 1", "Infinity", "0x1p3", "1f", "1d", "1_0"},
	},
	{
		"date",
		[]string{
			"2024-02-29", "2000-02-29", "2023-12-31Z", "2024-01-01+14:00", "2024-01-01-14:00", "-0001-01-01",
			"12345-01-01", " 2024-01-01 ",
		},
		[]string{
			"", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-01", "2024-01-32", "2024-04-31", "2024-1-1",
			"24-01-01", "0000-01-01", "01234-01-01", "+2024-01-01", "2024-01-01+14:01", "2024-01-01+15:00",
			"2024-01-01z", "2024-01-01 Z", "2024/01/01", "2024-01-01T00:00:00", "20240101", "2024-01-01+1:00",
			"2024-01-01+01:60",
		},
	},
	{
		"time",
		[]string{"00:00:00", "23:59:59.999", "24:00:00", "12:00:00Z", "12:00:00-05:30", "24:00:00.000"},
		[]string{
			"", "24:00:01", "24:01:00", "25:00:00", "12:60:00", "12:00:60", "12:00", "12:00:00.", "1:00:00",
			"12:00:00,5", "12:00:00.5.5", "T12:00:00",
		},
	},
	{
		"dateTime",
		[]string{
			"2024-01-01T00:00:00", "2024-01-01T24:00:00",
			"2024-01-01T12:00:00.123456789012345678901234567890Z", "-2024-01-01T00:00:00+01:00",
		},
		[]string{
			"", "2024-01-01", "2024-01-01 00:00:00", "2024-01-01T", "2024-01-01T00:00", "2024-01-01t00:00:00",
			"2024-02-30T00:00:00", "2024-01-01T00:00:00+24:00",
		},
	},
	{"gYear", []string{"2024", "-0044", "12345", "2024Z"}, []string{"", "24", "0000", "2024-", "02024"}},
	{"gYearMonth", []string{"2024-12", "2024-01+01:00"}, []string{"", "2024-13", "2024-1", "2024", "2024-01-01"}},
	{
		"gMonthDay",
		[]string{"--02-29", "--12-31Z"},
		[]string{"", "--02-30", "--13-01", "-02-29", "02-29", "--04-31", "--2-29"},
	},
	{"gDay", []string{"---01", "---31", "---31Z"}, []string{"", "---32", "--01", "---1", "---00", "01"}},
	{"gMonth", []string{"--01", "--12Z"}, []string{"", "--13", "--00", "-01", "---01", "--1"}},
	{
		"duration",
		[]string{"P1Y", "-P1Y2M3DT4H5M6.7S", "PT0S", "P0Y", "PT1.5S", "P1YT1S", "PT.5S"},
		[]string{
			"", "P", "PT", "P1YT", "1Y", "P1S", "P-1Y", "PT1.S", "PT.S", "P1.5Y", "+P1Y", "P1M1Y", "P1Y1Y",
			"PT1M1H", "P 1Y",
		},
	},
	{"hexBinary", []string{"", "0aFF", " 0a "}, []string{"0", "0g", "0 a0 0"}},
	{
		"base64Binary",
		[]string{"", "QUJD", "QQ==", "QUI=", "Q U J D", "QUJD\n QUJD", " Q Q = = "},
		[]string{"Q", "QQ", "QQ=", "QUJD=", "QR==", "QUJ=", "=QQQ", "QQ==QQ==", "Q-J_", "====", "Q==="},
	},
	{
		"anyURI",
		[]string{
			"", "http://x/y?z#f", "a b", "../x", "#f", "urn:a:b", "é", "http://[::1]/", "a{b}", "//x",
			"mailto:a@b", "%41", "?a:b", "a/b:c", "x:[y]", "\\a", "///", "//?", "http:///a", "//u@[::1]:80/",
			"a?[x]#[y]",
		},
		[]string{
			":", ":a", "1a:b", "a:", "%", "%4", "%zz", "a#b#c", "http://[::1", "a[b]", "http://x/[y]", "é:x",
			"a:#b", "//", "http://", "//[::1]:x", "http://[1.2.3.4]",
		},
	},
	{
		"language",
		[]string{"en", "nb-NO", "x-klingon", "a-b-c-1"},
		[]string{"", "1a", "toolonglanguage", "en-", "-en", "en_GB", "en--GB"},
	},
	{"NMTOKEN", []string{"a", "1", "-.:_", " a "}, []string{"", "a b", "a/b", "+"}},
	{"Name", []string{"a", ":a", "_1", "a:b"}, []string{"", "1a", "-a", "a b"}},
	{"NCName ID", []string{"aa", "_1", "é"}, []string{"", "1a", "a:b", ":", "a b"}},
	{"NMTOKENS", []string{"a b", " a  1 ", "a"}, []string{"", " ", "a +"}},
	{"QName", []string{"a", "xs:a", "xml:a"}, []string{"", "no:a", "a:b:c", ":a", "xs:", "1a", "xs:1"}},
	{"ENTITY ENTITIES", nil, []string{"", "a"}},
	{"anySimpleType", []string{"", " x "}, nil},
}

func TestDatatypes(t *testing.T) {
	sc := &scope{prefix: func(p string) (string, bool) { return "u", p == "" || p == "xs" || p == "xml" }, ids: &ids{}}
	covered := map[string]bool{"IDREF": true, "IDREFS": true, "anyType": true} // TestIDs
	for _, tc := range datatypeCases {
		for name := range strings.FieldsSeq(tc.types) {
			covered[name] = true
			for _, v := range tc.yes {
				if _, bad := builtin[name].simple.check([]byte(v), sc); bad != nil {
					t.Errorf("%s: %q is not valid: %s", name, v, bad.msg)
				}
			}
			for _, v := range tc.no {
				if _, bad := builtin[name].simple.check([]byte(v), sc); bad == nil {
					t.Errorf("%s: %q is valid", name, v)
				}
			}
		}
	}
	for name := range builtin {
		if !covered[name] {
			t.Errorf("no case for %s", name)
		}
	}
}

// TestValues: equal values have equal keys, others do not.
func TestValues(t *testing.T) {
	for _, tc := range []struct {
		typ, a, b string
		same      bool
	}{
		{"decimal", "1.0", "+01", true},
		{"decimal", "-0", "0.0", true},
		{"decimal", "1", "1.01", false},
		{"integer", "007", "7", true},
		{"boolean", "1", "true", true},
		{"boolean", "0", "true", false},
		{"double", "1e2", "100", true},
		{"double", "-0", "0", true},
		{"float", "16777216", "16777217", true},
		{"double", "16777216", "16777217", false},
		{"dateTime", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", true},
		{"dateTime", "2023-12-31T24:00:00Z", "2024-01-01T00:00:00.0Z", true},
		{"dateTime", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00", false},
		{"duration", "P1Y", "P12M", true},
		{"duration", "P1D", "PT24H", true},
		{"duration", "P1M", "P30D", false},
		{"hexBinary", "0a", "0A", true},
		{"base64Binary", "Q Q==", "QQ==", true},
		{"string", "a", "a ", false},
		{"token", "a", " a ", true},
		{"NMTOKENS", "a  b", "a b", true},
	} {
		s := builtin[tc.typ].simple
		a, bad := s.check([]byte(tc.a), &scope{wantKey: true})
		b, worse := s.check([]byte(tc.b), &scope{wantKey: true})
		if bad != nil || worse != nil || (a == b) != tc.same {
			t.Errorf("%s %q %q: %q %q", tc.typ, tc.a, tc.b, a, b)
		}
	}
}

// TestOrder: ordered types compare as XML Schema Part 2 says.
func TestOrder(t *testing.T) {
	const none = 9
	for _, tc := range []struct {
		typ, a, b string
		want      int
	}{
		{"decimal", "10", "9", 1},
		{"decimal", "-10", "-9", -1},
		{"decimal", "0.09", "0.1", -1},
		{"decimal", "-1", "1", -1},
		{"double", "NaN", "1", none},
		{"double", "-INF", "1", -1},
		{"date", "2024-01-01", "2024-01-02", -1},
		{"date", "2024-01-01+14:00", "2023-12-31-10:00", 0},
		{"dateTime", "2000-01-15T12:00:00", "2000-01-16T12:00:00Z", -1},
		{"dateTime", "2000-01-15T12:00:00", "2000-01-15T20:00:00Z", none},
		{"dateTime", "2000-01-01T00:00:00.5", "2000-01-01T00:00:00.45", 1},
		{"dateTime", "-0001-12-31T00:00:00", "0001-01-01T00:00:00", -1},
		{"gYear", "-0100", "-0099", -1},
		{"duration", "P1Y", "P364D", 1},
		{"duration", "P1Y", "P365D", none},
		{"duration", "P1M", "P27D", 1},
		{"duration", "P1M", "P30D", none},
		{"duration", "-PT1S", "PT0S", -1},
		{"duration", "-PT0.5S", "-PT0.25S", -1},
		{"duration", "-PT0.5S", "PT0.1S", -1},
		{"duration", "-PT0.5S", "-PT1S", 1},
		{"duration", "-P1Y", "-P1Y", 0},
	} {
		p := builtin[tc.typ].simple.prim
		got, ok := p.compare(p.value([]byte(tc.a)), p.value([]byte(tc.b)))
		if !ok {
			got = none
		}
		if got != tc.want {
			t.Errorf("%s: %s and %s: %d, want %d", tc.typ, tc.a, tc.b, got, tc.want)
		}
	}
}

// datatypeSchema declares one element for each built-in type.
func datatypeSchema() string {
	var b strings.Builder
	b.WriteString(`<xs:schema xmlns:xs="` + nsXSD +
		`"><xs:element name="r"><xs:complexType><xs:choice minOccurs="0" maxOccurs="unbounded">`)
	names := slices.Sorted(maps.Keys(builtin))
	for _, name := range names {
		fmt.Fprintf(&b, `<xs:element ref="%s"/>`, name)
	}
	b.WriteString(`</xs:choice></xs:complexType></xs:element>`)
	for _, name := range names {
		fmt.Fprintf(&b, `<xs:element name="%s" type="xs:%s"/>`, name, name)
	}
	b.WriteString(`</xs:schema>`)
	return b.String()
}

// writeSchema writes a schema into a folder of its own, for the judge, and loads it.
func writeSchema(t *testing.T, text string) (s *Schema, name string) {
	t.Helper()
	dir := t.TempDir()
	name = filepath.Join(dir, "schema.xsd")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Load(os.DirFS(dir), "schema.xsd")
	if err != nil {
		t.Fatal(err)
	}
	return s, name
}

// TestDifferentialDatatypes: the values of all cases, and random changes of them, as values of each type, by this
// package and by Xerces.
func TestDifferentialDatatypes(t *testing.T) {
	j := startJudge(t)
	r, n := golden.Random(t), golden.Cases(t)
	s, name := writeSchema(t, datatypeSchema())
	var values []string
	for _, tc := range datatypeCases {
		values = append(values, slices.Concat(tc.yes, tc.no)...)
	}
	// Xerces has the names of the second edition of XML 1.0: an Arabic digit cannot begin one.
	values = slices.DeleteFunc(values, func(v string) bool { return v == "٣" })
	types := slices.Sorted(maps.Keys(builtin))
	invalid := 0
	judged := func(list [][2]string) {
		var doc bytes.Buffer
		doc.WriteString(`<r xmlns:xs="` + nsXSD + `">`)
		for _, p := range list {
			doc.WriteString("<" + p[0] + ">" + escapeText.Replace(p[1]) + "</" + p[0] + ">")
		}
		doc.WriteString(`</r>`)
		if compareWith(t, j, s, name, doc.Bytes()) != nil {
			invalid++
		}
	}
	for _, v := range values {
		var list [][2]string
		for _, name := range types {
			list = append(list, [2]string{name, v})
		}
		judged(list)
	}
	for range n {
		v, name := pick(r, values), pick(r, types)
		judged([][2]string{{name, v}, {name, change(r, v)}, {pick(r, types), change(r, change(r, v))}})
	}
	t.Logf("%d values in %d types and %d random documents, %d documents invalid", len(values), len(types), n, invalid)
}

// change makes one random change in a value.
func change(r *rand.Rand, v string) string {
	const chars = " 01239+-.:TZPYMDHSeENaxF=/%#[]?@\t\n"
	c := string(chars[r.IntN(len(chars))])
	at := r.IntN(len(v) + 1)
	for at > 0 && at < len(v) && v[at]&0xC0 == 0x80 {
		at--
	}
	switch tail := v[at:]; r.IntN(3) {
	case 0:
		return v[:at] + c + tail
	case 1:
		for i := range tail {
			if i > 0 {
				return v[:at] + tail[i:]
			}
		}
		return v[:at]
	default:
		return v[:at] + c + v[min(len(v), at+1):]
	}
}
