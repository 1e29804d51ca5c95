package ebms

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/xml/safe"
)

func user() *UserMessage {
	return &UserMessage{
		Timestamp: time.Date(2026, 11, 22, 1, 2, 3, 4e6, time.UTC), ID: "m@a.example",
		From: Party{Typed{"urn:t", "POP000001"}, RoleInitiator}, To: Party{Typed{"urn:t", "POP000002"}, RoleResponder},
		Agreement: "urn:agreement", Service: Typed{"scheme", "process"}, Action: "scheme::a#b##c::2.1",
		ConversationID: "c",
		Properties:     []Property{{"originalSender", "s", "0192:1"}, {"finalRecipient", "s", `<&">`}},
		Parts: []Part{{"cid:x@y", []Property{
			{Name: "MimeType", Value: "application/xml"},
			{Name: "E", Value: "é"},
		}}},
	}
}

func read(t testing.TB, b []byte) (*Messaging, error) {
	t.Helper()
	doc, err := safe.Parse(b, safe.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	return Read(doc.Top(), Options{})
}

func refs() []Reference {
	return []Reference{
		{URI: "#a", Transforms: []string{"t1", "t2"}, Method: "m", Value: []byte{1, 2, 3}},
		{URI: "cid:x@y", Transforms: []string{"t3"}, Method: "m", Value: []byte{4, 5, 6}},
	}
}

// What is written reads back the same.
func TestRoundTrip(t *testing.T) {
	withMPC, ping := user(), user()
	withMPC.MPC = DefaultMPC
	ping.Parts, ping.Properties, ping.Service, ping.Action = nil, nil, Typed{Value: TestService}, TestAction
	at := user().Timestamp
	for name, m := range map[string]*Messaging{
		"AS4-033 user message":      {User: user()},
		"AS4-033 user message, MPC": {User: withMPC},
		"AS4-134 test message":      {User: ping},
		"AS4-101 receipt": {Signal: &Signal{
			Timestamp: at, ID: "s@b", RefTo: "m@a",
			Receipt: &Receipt{refs()},
		}},
		"AS4-101 receipt of nothing": {Signal: &Signal{Timestamp: at, ID: "s@b", RefTo: "m@a", Receipt: &Receipt{}}},
		"AS4-112 error": {Signal: &Signal{Timestamp: at, ID: "s@b", RefTo: "m@a", Errors: []*Error{
			{
				Code: CodeOther, Severity: "failure", Short: "Other", Detail: "a <b> & c", Description: "Text.",
				RefTo: "m@a",
			},
		}}},
		"AS4-114 error for nothing": {Signal: &Signal{
			Timestamp: at, ID: "s@b",
			Errors: []*Error{{Code: CodeFeatureNotSupported, Severity: "warning", Short: "FeatureNotSupported"}},
		}},
		"AS4-099 two errors": {Signal: &Signal{Timestamp: at, ID: "s@b", Errors: []*Error{
			{Code: CodeOther, Severity: "failure", Short: "Other"},
			{Code: CodeDeliveryFailure, Severity: "failure", Short: "DeliveryFailure"},
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			b := m.Bytes("id-1")
			got, err := read(t, b)
			if err != nil {
				t.Fatal(err)
			}
			if got.Signal != nil && got.Signal.Receipt != nil {
				for i := range got.Signal.Receipt.References {
					got.Signal.Receipt.References[i].Raw = nil
				}
			}
			if !reflect.DeepEqual(got, m) {
				t.Errorf("got  %+v %+v\nwant %+v %+v", got.User, got.Signal, m.User, m.Signal)
			}
		})
	}
}

// Every structural error (AS4-029, AS4-032).
func TestReadErrors(t *testing.T) {
	good := string((&Messaging{User: user()}).Bytes("id-1"))
	receipt := string((&Messaging{Signal: &Signal{
		Timestamp: user().Timestamp, ID: "s@b", RefTo: "m@a",
		Receipt: &Receipt{refs()},
	}}).Bytes("id-1"))
	cut := func(s, from, to string) string {
		i := strings.Index(s, from)
		j := i + strings.Index(s[i:], to) + len(to)
		return s[:i] + s[j:]
	}
	element := func(local string) string { return cut(good, "<eb:"+local, "</eb:"+local+">") }
	for _, tc := range []struct {
		name, xml string
		code      Code
	}{
		{"AS4-029 nothing", cut(good, "<eb:UserMessage>", "</eb:UserMessage>"), CodeValueInconsistent},
		{"AS4-029 something else", strings.NewReplacer("<eb:UserMessage>", "<eb:Other>", "</eb:UserMessage>",
			"</eb:Other>").Replace(good), CodeInvalidHeader},
		{"AS4-029 another namespace", strings.Replace(good, NS, strings.TrimSuffix(NS, "/"), 1), CodeInvalidHeader},
		{"AS4-032 no MessageInfo", element("MessageInfo"), CodeInvalidHeader},
		{"AS4-032 no Timestamp", element("Timestamp"), CodeInvalidHeader},
		{"AS4-032 no MessageId", element("MessageId"), CodeInvalidHeader},
		{"AS4-032 no PartyInfo", element("PartyInfo"), CodeInvalidHeader},
		{"AS4-032 no From", element("From"), CodeInvalidHeader},
		{"AS4-032 no To", element("To"), CodeInvalidHeader},
		{"AS4-032 no PartyId", element("PartyId"), CodeInvalidHeader},
		{"AS4-032 no Role", element("Role"), CodeInvalidHeader},
		{"AS4-032 no CollaborationInfo", element("CollaborationInfo"), CodeInvalidHeader},
		{"AS4-032 no Service", element("Service"), CodeInvalidHeader},
		{"AS4-032 no Action", element("Action"), CodeInvalidHeader},
		{"AS4-032 no ConversationId", element("ConversationId"), CodeInvalidHeader},
		{
			"AS4-032 an unknown child", strings.Replace(good, "</eb:UserMessage>", "<eb:x></eb:x></eb:UserMessage>", 1),
			CodeInvalidHeader,
		},
		{
			"AS4-032 an element in a leaf", strings.Replace(good, "<eb:Action>", "<eb:Action><eb:x></eb:x>", 1),
			CodeInvalidHeader,
		},
		{"AS4-032 a second MessageId", strings.Replace(good, "</eb:MessageInfo>",
			"<eb:MessageId>z@z</eb:MessageId></eb:MessageInfo>", 1), CodeInvalidHeader},
		{"AS4-032 a property without name", strings.Replace(good, ` name="originalSender"`, "", 1), CodeInvalidHeader},
		{"AS4-047 a property twice", strings.Replace(good, "finalRecipient", "originalSender", 1), CodeInvalidHeader},
		{
			"AS4-037 two party ids", strings.Replace(good, "<eb:Role>", "<eb:PartyId>x</eb:PartyId><eb:Role>", 1),
			CodeValueInconsistent,
		},
		{
			"AS4-034 a date without time", strings.Replace(good, "2026-11-22T01:02:03.004Z", "2026-11-22", 1),
			CodeInvalidHeader,
		},
		{"AS4-034 month 13", strings.Replace(good, "2026-11-22", "2026-13-22", 1), CodeInvalidHeader},
		{"AS4-001 a pull request", strings.Replace(receipt, "<eb:Receipt>",
			"<eb:PullRequest></eb:PullRequest><eb:Receipt>", 1), CodeFeatureInconsistency},
		{"AS4-107 a receipt twice", strings.Replace(receipt, "</eb:SignalMessage>",
			"<eb:Receipt></eb:Receipt></eb:SignalMessage>", 1), CodeInvalidHeader},
		{"REL-042 an error before a receipt", strings.Replace(receipt, "<eb:Receipt>",
			`<eb:Error errorCode="EBMS:0004" severity="failure"></eb:Error><eb:Receipt>`, 1), CodeInvalidHeader},
		{"AS4-107 neither receipt nor error", cut(receipt, "<eb:Receipt>", "</eb:Receipt>"), CodeInvalidHeader},
		{"AS4-112 an error without code", strings.Replace(receipt, "</eb:Receipt>",
			"</eb:Receipt><eb:Error></eb:Error>", 1), CodeInvalidHeader},
		{"AS4-102 no Reference", cut(receipt, "<ds:Reference", "</ds:Reference>"), CodeInvalidHeader},
		{"AS4-102 no base64", strings.Replace(receipt, "<ds:DigestValue>", "<ds:DigestValue>!", 1), CodeInvalidHeader},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := read(t, []byte(tc.xml))
			var e *Error
			if !errors.As(err, &e) || e.Code != tc.code || strings.Contains(e.Detail, "\n") {
				t.Errorf("got %v, want %s", err, tc.code)
			}
		})
	}
}

// AS4-035, SEC-072.
func TestMessageID(t *testing.T) {
	for _, tc := range []struct {
		id              string
		strict, lenient bool
	}{
		{"a@b", true, true},
		{"9f0c2f9e-7d1e-4f0b-9a55-0c8c0f6a9d11@ap.example.no", true, true},
		{"a.b.c@d.e", true, true},
		{"!#$%&'*+-/=?^_`{|}~@x", true, true},
		{"a", false, true},
		{"a@b@c", false, true},
		{"@b", false, true},
		{"a@", false, true},
		{".a@b", false, true},
		{"a.@b", false, true},
		{"a..b@c", false, true},
		{"<a@b>", false, true},
		{`"a b"@c`, false, false},
		{"a@[127.0.0.1]", false, true},
		{"uuid:1234", false, true},
		{"", false, false},
		{" a@b", false, false},
		{"a@b\n", false, false},
		{"a@b\x7f", false, false},
		{"é@b", false, true},
		{"a@" + strings.Repeat("b", 253), true, true},
		{"a@" + strings.Repeat("b", 254), false, false},
	} {
		_, err := ParseMessageID(tc.id)
		_, lerr := LenientMessageID(tc.id)
		if (err == nil) != tc.strict || (lerr == nil) != tc.lenient {
			t.Errorf("%q: strict %v, lenient %v", tc.id, err, lerr)
		}
	}
}

// AS4-034.
func TestParseTime(t *testing.T) {
	for s, want := range map[string]string{
		"2026-11-22T01:02:03Z":           "2026-11-22T01:02:03Z",
		"2026-11-22T01:02:03":            "2026-11-22T01:02:03Z",
		"2026-11-22T01:02:03.5+02:00":    "2026-11-21T23:02:03.5Z",
		"2026-11-22T01:02:03.123456789Z": "2026-11-22T01:02:03.123456789Z",
		"2026-11-22":                     "", "2026-11-22T25:02:03Z": "", "": "", "2026-11-22 01:02:03Z": "",
		"-2026-11-22T01:02:03Z": "",
	} {
		got, ok := ParseTime(s)
		if ok != (want != "") || ok && got.Format(time.RFC3339Nano) != want {
			t.Errorf("%q: %v %v", s, got, ok)
		}
	}
}

// AS4-108.
func TestMatchReceipt(t *testing.T) {
	change := func(f func([]Reference) []Reference) []Reference { return f(refs()) }
	for _, tc := range []struct {
		name string
		got  []Reference
		ok   bool
	}{
		{"AS4-108 the same", refs(), true},
		{"AS4-108 another order", change(func(r []Reference) []Reference { return []Reference{r[1], r[0]} }), true},
		{
			"AS4-108 other spelling", change(func(r []Reference) []Reference { r[0].Raw = []byte("<x/>"); return r }),
			true,
		},
		{"AS4-108 none", nil, false},
		{"AS4-108 one missing", refs()[:1], false},
		{"AS4-108 one twice instead of both", change(func(r []Reference) []Reference {
			return []Reference{
				r[0],
				r[0],
			}
		}), false},
		{"AS4-108 one more", change(func(r []Reference) []Reference { return append(r, Reference{URI: "#z"}) }), false},
		{
			"AS4-108 another digest", change(func(r []Reference) []Reference {
				r[1].Value = []byte{
					4, 5,
					7,
				}
				return r
			}),
			false,
		},
		{
			"AS4-108 a shorter digest",
			change(func(r []Reference) []Reference { r[1].Value = r[1].Value[:2]; return r }),
			false,
		},
		{"AS4-108 another method", change(func(r []Reference) []Reference { r[0].Method = "n"; return r }), false},
		{
			"AS4-108 another transform",
			change(func(r []Reference) []Reference { r[1].Transforms = []string{"t4"}; return r }), false,
		},
		{
			"AS4-108 transforms in another order",
			change(func(r []Reference) []Reference { r[0].Transforms = []string{"t2", "t1"}; return r }), false,
		},
		{"AS4-108 another URI", change(func(r []Reference) []Reference { r[0].URI = "#b"; return r }), false},
	} {
		if err := MatchReceipt(&Receipt{tc.got}, refs()); (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// AS4-097, AS4-098: the table of as4.md §9.1.
func TestCodes(t *testing.T) {
	const table = `
EBMS:0001 ValueNotRecognized Content failure ebms
EBMS:0002 FeatureNotSupported Content warning ebms
EBMS:0003 ValueInconsistent Content failure ebms
EBMS:0004 Other Content failure ebms
EBMS:0005 ConnectionFailure Communication failure ebms
EBMS:0006 EmptyMessagePartitionChannel Communication warning ebms
EBMS:0007 MimeInconsistency Unpackaging failure ebms
EBMS:0008 FeatureNotSupported Unpackaging failure ebms
EBMS:0009 InvalidHeader Unpackaging failure ebms
EBMS:0010 ProcessingModeMismatch Processing failure ebms
EBMS:0011 ExternalPayloadError Content failure ebms
EBMS:0101 FailedAuthentication Processing failure security
EBMS:0102 FailedDecryption Processing failure security
EBMS:0103 PolicyNoncompliance Processing failure security
EBMS:0201 DysfunctionalReliability Processing failure reliability
EBMS:0202 DeliveryFailure Communication failure reliability
EBMS:0301 MissingReceipt Communication failure ebms
EBMS:0302 InvalidReceipt Communication failure ebms
EBMS:0303 DecompressionFailure Communication failure ebms
EBMS:4001 DuplicateDetected Content failure -`
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if len(lines) != len(definitions) {
		t.Errorf("%d codes, want %d", len(definitions), len(lines))
	}
	for _, line := range lines {
		f := strings.Fields(line)
		want := Definition{f[1], f[2], f[3], strings.TrimPrefix(f[4], "-")}
		if d, ok := Code(f[0]).Define(); !ok || d != want {
			t.Errorf("%s is %+v", f[0], d)
		}
		if e := (&Error{Code: Code(f[0])}); e.IsFailure() != (f[3] == "failure") || !errors.Is(e, Code(f[0])) ||
			errors.Is(e, Code("x")) {
			t.Errorf("%s: failure %v", f[0], e.IsFailure())
		}
	}
	for severity, want := range map[string]bool{"failure": true, "warning": false, "error": true, "Failure": true} {
		if (&Error{Code: CodeOther, Severity: severity}).IsFailure() != want {
			t.Errorf("AS4-097: severity %q", severity)
		}
	}
	if !(&Error{Code: "EBMS:9999"}).IsFailure() {
		t.Error("AS4-098: an unknown code is no failure")
	}
	if !NotServiced("x").IsNotServiced() || (&Error{
		Code:   CodeOther,
		Detail: "PEPPOL:NOT_SERVICED x",
	}).IsNotServiced() ||
		(&Error{Code: CodeInvalidHeader, Detail: NotServicedDetail}).IsNotServiced() {
		t.Error("AS4-092: not serviced")
	}
}

// AS4-114: the claimed id of a header that nobody verified.
func TestClaimedID(t *testing.T) {
	good := string((&Messaging{User: user()}).Bytes("id-1"))
	for xml, want := range map[string]MessageID{
		good: "m@a.example",
		strings.Replace(good, "m@a.example", "a b", 1):                "",
		strings.Replace(good, "<eb:MessageId>", "<eb:MessageId2>", 1): "-",
		`<eb:Messaging xmlns:eb="` + NS + `"></eb:Messaging>`:         "",
	} {
		if want == "-" {
			continue
		}
		doc, err := safe.Parse([]byte(xml), safe.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		if got := ClaimedID(doc.Top()); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if ClaimedID(safe.Node{}) != "" {
		t.Error("an id of nothing")
	}
}

func fuzz(f *testing.F, seed *Messaging) {
	f.Add(seed.Bytes("id-1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, err := safe.Parse(b, safe.Envelope)
		if err != nil {
			return
		}
		ClaimedID(doc.Top())
		m, err := Read(doc.Top(), Options{})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%T", err)
			}
			return
		}
		if (m.User == nil) == (m.Signal == nil) {
			t.Error("neither or both")
		}
		if m.Signal != nil {
			return // written with the severities of the table
		}
		m.User.RefTo = "" // never written
		if m.User.Agreement == "" || m.User.AgreementType != "" || m.User.AgreementPMode != "" ||
			m.User.Timestamp.Nanosecond()%1e6 != 0 || m.User.Timestamp.Year() < 1 {
			return // not written by us
		}
		again, err := read(t, m.Bytes("id-1"))
		if err != nil || !bytes.Equal(again.Bytes("x"), m.Bytes("x")) {
			t.Errorf("%v\n%+v\n%+v", err, again, m.User)
		}
	})
}

// SEC-038.
func FuzzEBMSHeader(f *testing.F) { fuzz(f, &Messaging{User: user()}) }

func FuzzSignal(f *testing.F) {
	fuzz(f, &Messaging{Signal: &Signal{
		Timestamp: user().Timestamp, ID: "s@b", RefTo: "m@a", Receipt: &Receipt{refs()},
		Errors: []*Error{{Code: CodeOther, Detail: "x"}},
	}})
}
