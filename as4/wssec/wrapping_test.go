package wssec

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/xml/dsig"
)

// forged is a Messaging with other content under an id of its own or a stolen one.
func forged(id string) string {
	return strings.NewReplacer("one@ap.example", "forged@ap.example", `wsu:Id="msg-1"`, id).Replace(messagingText)
}

// harmless reports whether an envelope is refused with an *Error, or its verified Messaging is the one that was signed.
func harmless(t testing.TB, soap []byte, want []byte) (err error) {
	t.Helper()
	for _, read := range []func([]byte, Suite) (*Unverified, error){ReadMessage, ReadSignal} {
		u, rerr := read(soap, EDelivery1)
		var s *Signed
		if rerr == nil {
			if s, rerr = u.Verify(attached(testCID)); rerr == nil {
				_, rerr = s.References()
			}
		}
		var e *Error
		switch {
		case rerr == nil:
			if got := canonicalOf(t, s.Messaging()); !bytes.Equal(got, want) {
				t.Errorf("accepted with another Messaging\n%s\n%s", got, soap)
			}
		case !errors.As(rerr, &e):
			t.Errorf("not an *Error: %v", rerr)
		default:
			err = rerr
		}
	}
	return err
}

// SEC-051: signature wrapping, variants 1 to 14. Each is refused by ReadMessage and by ReadSignal.
func TestSEC051Wrapping(t *testing.T) {
	m := sealOne(t, "application/gzip", []byte("payload"))
	want := messagingElement(t).Bytes
	if err := harmless(t, m.soap, want); err != nil {
		t.Fatal(err)
	}
	const wrapper = `<w:Wrapper xmlns:w="u:w">%s</w:Wrapper>`
	plain, same := forged(""), forged(`wsu:Id="msg-1"`)
	move := func(f string, to func(e *edit, s string)) func(*edit) {
		return func(e *edit) {
			s := string(want)
			e.swap(s, f)
			to(e, s)
		}
	}
	for _, tc := range []struct {
		name   string
		change func(*edit)
	}{
		{"1 wrapper in Header", move(plain, func(e *edit, s string) { e.inside("Header", fmt.Sprintf(wrapper, s)) })},
		{"1 wrapper in Header, first", move(plain,
			func(e *edit, s string) { e.before("Security", fmt.Sprintf(wrapper, s)) })},
		{"2 under Security", move(plain, func(e *edit, s string) { e.inside("Security", s) })},
		{"2 under a token", move(plain, func(e *edit, s string) { e.inside("BinarySecurityToken", s) })},
		{"3 under Object", move(plain, func(e *edit,
			s string,
		) {
			e.inside("Signature", `<ds:Object>`+s+`</ds:Object>`)
		})},
		{"3 under KeyInfo", move(plain, func(e *edit, s string) { e.inside("KeyInfo", s) })},
		{"3 under KeyInfo of the signature", move(plain, func(e *edit, s string) {
			e.swap(`</wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>`,
				`</wsse:SecurityTokenReference>`+s+`</ds:KeyInfo></ds:Signature>`)
		})},
		{"3 under SignatureValue", move(plain, func(e *edit, s string) { e.inside("SignatureValue", s) })},
		{"4 in Body", move(plain, func(e *edit, s string) { e.inside("Body", s) })},
		{"5 as child of the forged", move(strings.Replace(plain, "</eb:Messaging>", "%S</eb:Messaging>", 1),
			func(e *edit, s string) { e.swap("%S", s) })},
		{"5 as grandchild of the forged", move(strings.Replace(plain, "</eb:UserMessage>", "%S</eb:UserMessage>", 1),
			func(e *edit, s string) { e.swap("%S", s) })},
		{"6 forged second", func(e *edit) { e.after("Messaging", plain) }},
		{"6 forged first", func(e *edit) { e.before("Messaging", plain) }},
		{"7 forged Body second", func(e *edit) { e.after("Body", `<S12:Body>x</S12:Body>`) }},
		{"7 forged Body first", func(e *edit) { e.before("Body", `<S12:Body>x</S12:Body>`) }},
		{"7 Body in Header", func(e *edit) {
			b := e.take("Body")
			e.inside("Header", b)
			e.after("Header",
				`<S12:Body/>`)
		}},
		{"7 Envelope in Body", func(e *edit) {
			old := e.text
			_, _, body := e.find("Body", 0)
			e.swap(body, `<S12:Body>`+old+`</S12:Body>`)
			e.swap(string(want), plain)
		}},
		{"7 signed Body in a forged Body", func(e *edit) {
			b := e.take("Body")
			e.after("Header",
				`<S12:Body>`+b+`</S12:Body>`)
		}},
		{"8 second Header", func(e *edit) { e.before("Header", `<S12:Header>`+plain+`</S12:Header>`) }},
		{"8 second Header behind", func(e *edit) { e.after("Header", `<S12:Header>`+plain+`</S12:Header>`) }},
		{"8 second Security", func(e *edit) {
			_, _, s := e.find("Security", 0)
			e.swap(string(want), `<wsse:Security xmlns:wsse="`+nsWSSE+`" xmlns:wsu="`+nsWSU+`"></wsse:Security>`+plain)
			e.swap(s, strings.Replace(s, `</wsse:Security>`, string(want)+`</wsse:Security>`, 1))
		}},
		{"8 second Security empty", func(e *edit) { e.before("Security", `<wsse:Security xmlns:wsse="`+nsWSSE+`"/>`) }},
		{"9 same id, forged first", func(e *edit) { e.before("Messaging", same) }},
		{"9 same id, signed in Body", move(same, func(e *edit, s string) { e.inside("Body", s) })},
		{"9 same id, signed before", move(same,
			func(e *edit, s string) { e.before("Security", fmt.Sprintf(wrapper, s)) })},
		{"9 Id and wsu:Id", move(forged(`Id="msg-1"`), func(e *edit, s string) { e.inside("Security", s) })},
		{"9 xml:id and wsu:Id", move(forged(`xml:id="msg-1"`), func(e *edit, s string) { e.inside("Security", s) })},
		{"9 ID and wsu:Id", move(forged(`ID="msg-1"`), func(e *edit, s string) { e.inside("Body", s) })},
		{"9 Id instead of wsu:Id", func(e *edit) { e.swap(string(want), forged(`Id="msg-1"`)) }},
		{"12 another namespace", move(strings.Replace(same, nsEB, strings.TrimSuffix(nsEB, "/"), 1),
			func(e *edit, s string) {})},
		{"12 prefix bound elsewhere", func(e *edit) {
			e.before("Messaging", `<eb:Messaging xmlns:eb="u:evil">`+plain+`</eb:Messaging>`)
		}},
		{"12 undeclared prefix", func(e *edit) {
			e.text = strings.Replace(e.text, ` xmlns:eb="`+nsEB+`"`, "", 1)
		}},
		{"12 default namespace", func(e *edit) {
			e.swap(string(want), strings.NewReplacer("xmlns:eb=", "xmlns=", "<eb:", "<", "</eb:",
				"</").Replace(string(want)))
		}},
		{"13 two prefixes of one namespace", func(e *edit) {
			e.swap(`wsu:Id="msg-1"`, `xmlns:b="`+nsWSU+`" wsu:Id="msg-1" b:Id="other"`)
		}},
		{"13 two ids", func(e *edit) { e.swap(`wsu:Id="msg-1"`, `wsu:Id="msg-1" Id="other"`) }},
		{"14 Security for another role", func(e *edit) {
			e.swap(`S12:mustUnderstand="true">`, `S12:mustUnderstand="true" S12:role="u:role">`)
		}},
		{"14 signed Security for another role beside an empty one", func(e *edit) {
			e.swap(`S12:mustUnderstand="true">`, `S12:role="u:role">`)
			e.before("Messaging", `<wsse:Security xmlns:wsse="`+nsWSSE+`"/>`)
		}},
		{"second Signature", func(e *edit) { _, _, s := e.find("Signature", 0); e.after("Signature", dropIDs(s)) }},
		{"no Signature", func(e *edit) { e.take("Signature") }},
		{"Signature outside Security", func(e *edit) { s := e.take("Signature"); e.inside("Header", s) }},
		{"Signature in Body", func(e *edit) { s := e.take("Signature"); e.inside("Body", s) }},
		{"a token that nothing refers to", func(e *edit) {
			_, _, s := e.find("BinarySecurityToken", 0)
			e.before("Signature", strings.Replace(s, `wsu:Id="X-`, `wsu:Id="Y-`, 1))
		}},
		{"swapped tokens", func(e *edit) {
			_, _, a := e.find("BinarySecurityToken", 0)
			_, _, b := e.find("BinarySecurityToken", 1)
			ca, cb := leafText(a), leafText(b)
			e.text = strings.NewReplacer(ca, cb, cb, ca).Replace(e.text)
		}},
		{"an unknown header block", func(e *edit) { e.inside("Header", `<x:x xmlns:x="u:x"/>`) }},
		{"text in Header", func(e *edit) { e.inside("Header", `x`) }},
		{"text in Security", func(e *edit) { e.inside("Security", `x`) }},
		{"something behind Body", func(e *edit) { e.inside("Envelope", `<x:x xmlns:x="u:x"/>`) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &edit{t, string(m.soap)}
			tc.change(e)
			if e.text == string(m.soap) {
				t.Fatal("the variant changes nothing")
			}
			if _, err := verified([]byte(e.text)); err == nil {
				t.Errorf("accepted\n%s", e.text)
			}
			_ = harmless(t, []byte(e.text), want)
		})
	}
}

func leafText(raw string) string {
	return raw[strings.Index(raw, ">")+1 : strings.LastIndex(raw, "</")]
}

// dropIDs renames the ids of a copied element, so that it is not refused for a repeated id.
func dropIDs(s string) string {
	return strings.NewReplacer(`Id="SIG-`, `Id="SIH-`, `Id="KI-`, `Id="KJ-`).Replace(s)
}

// SEC-051 variants 10 and 11, SEC-044: a valid signature of the sender that covers the wrong things.
func TestSEC051Coverage(t *testing.T) {
	sender, _, _ := people(t)
	el := messagingElement(t)
	digest := func(uri string, b []byte) Digest {
		sum := sha256.Sum256(b)
		return Digest{URI: uri, Transform: dsig.Exclusive, Method: dsig.SHA256, Value: sum[:]}
	}
	body := canonicalBody(bodyID(el))
	good := []Digest{digest("#msg-1", el.Bytes), digest("#body-msg-1", body)}
	stamp := `<wsu:Timestamp xmlns:wsu="` + nsWSU +
		`" wsu:Id="ts-1"><wsu:Created>2026-11-21T12:00:00Z</wsu:Created></wsu:Timestamp>`
	created := `<wsu:Created xmlns:wsu="` + nsWSU + `" wsu:Id="c-1">2026-11-21T12:00:00Z</wsu:Created>`
	around := `<wsu:Timestamp xmlns:wsu="` + nsWSU + `">` + created + `</wsu:Timestamp>`
	inner := `<x:SBD xmlns:wsu="` + nsWSU + `" xmlns:x="u:x" wsu:Id="sbd-1"></x:SBD>`
	cid := func(url string) Digest {
		return Digest{URI: url, Transform: swaSignature, Method: dsig.SHA256, Value: make([]byte, 32)}
	}
	for _, tc := range []struct {
		name    string
		digests []Digest
		extra   string // in the security header
		body    string // in the body
		ok      bool
		class   Class
	}{
		{"as it should be", good, "", "", true, 0},
		{"the timestamp as well", append(good[:2:2], digest("#ts-1", []byte(stamp))), stamp, "", true, 0},
		{
			"an attachment as well", append(good[:2:2],
				Digest{URI: "cid:" + testCID, Transform: swaSignature, Method: dsig.SHA256, Value: make([]byte, 32)}),
			"",
			"", true, 0,
		},
		{"10 only the timestamp", []Digest{digest("#ts-1", []byte(stamp))}, stamp, "", false, Policy},
		{"10 timestamp and Body", []Digest{digest("#ts-1", []byte(stamp)), good[1]}, stamp, "", false, Policy},
		{"10 timestamp and Messaging", []Digest{digest("#ts-1", []byte(stamp)), good[0]}, stamp, "", false, Policy},
		{"SEC-044 only Messaging", good[:1], "", "", false, Policy},
		{"SEC-044 only Body", good[1:], "", "", false, Policy},
		{
			"SEC-044 XSW-22 an attachment that is not there", append(good[:2:2], cid("cid:x@ap.example")), "", "",
			false,
			Authentication,
		},
		{
			"SEC-044 XSW-22 one that is there and one that is not",
			append(good[:2:2], cid("cid:"+testCID), cid("cid:x@ap.example")), "", "", false, Authentication,
		},
		{"SEC-044 XSW-22 no content id", append(good[:2:2], cid("cid:")), "", "", false, Authentication},
		{
			"SEC-024 an attachment in another spelling", append(good[:2:2], cid("cid:att%2D1%40ap.example")), "", "",
			true,
			0,
		},
		{
			"SEC-024 SEC-044 an attachment twice, in two spellings",
			append(good[:2:2], cid("cid:"+testCID), cid("cid:att%2D1@ap.example")), "", "", false, Authentication,
		},
		{"SEC-024 another letter case", append(good[:2:2], cid("cid:ATT-1@ap.example")), "", "", false, Authentication},
		{"SEC-024 another scheme", append(good[:2:2], cid("CID:"+testCID)), "", "", false, Authentication},
		{"SEC-044 only an attachment", []Digest{{
			URI: "cid:" + testCID, Transform: swaSignature, Method: dsig.SHA256,
			Value: make([]byte, 32),
		}}, "", "", false, Policy},
		{"SEC-044 no reference", nil, "", "", false, Authentication},
		{"SEC-044 twice Messaging", append(good[:2:2], good[0]), "", "", false, Authentication},
		{"SEC-044 too many", many(good, 15), "", "", false, Authentication},
		{"SEC-042 an id that is not there", append(good[:2:2], digest("#none", nil)), "", "", false, Authentication},
		{"SEC-044 empty URI", append(good[:2:2], digest("", nil)), "", "", false, Authentication},
		{"SEC-044 external URI", append(good[:2:2], digest("http://x.example/", nil)), "", "", false, Authentication},
		{
			"SEC-044 xpointer", append(good[:1:1], digest("#xpointer(id('body-msg-1'))", body)), "", "", false,
			Authentication,
		},
		{"SEC-044 xpointer of all", append(good[:2:2], digest("#xpointer(/)", body)), "", "", false, Authentication},
		{
			"SEC-044 fragment of a file", append(good[:2:2], digest("a.xml#msg-1", el.Bytes)), "", "", false,
			Authentication,
		},
		{
			"11 an element in the Body", append(good[:2:2], digest("#sbd-1", []byte(inner))), "", inner, false,
			Authentication,
		},
		{
			"SEC-041 an element within the timestamp", append(good[:2:2], digest("#c-1", []byte(created))), around, "",
			false, Authentication,
		},
		{"SEC-047 a wrong digest", []Digest{digest("#msg-1", []byte("x")), good[1]}, "", "", false, Authentication},
	} {
		t.Run(tc.name, func(t *testing.T) {
			soap, err := EDelivery1.envelope(sender.identity(), el, tc.digests, tc.extra)
			if err != nil {
				t.Fatal(err)
			}
			e := &edit{t, string(soap)}
			if tc.body != "" {
				e.inside("Body", tc.body)
			}
			_, err = verified([]byte(e.text))
			if tc.ok != (err == nil) {
				t.Fatalf("%v\n%s", err, e.text)
			}
			if !tc.ok {
				refusedAs(t, err, tc.class)
			}
			_ = harmless(t, []byte(e.text), el.Bytes)
		})
	}
}

// many adds n references to attachments.
func many(list []Digest, n int) []Digest {
	list = list[:len(list):len(list)]
	for i := range n {
		list = append(list, Digest{
			URI: fmt.Sprintf("cid:%d", i), Transform: swaSignature, Method: dsig.SHA256,
			Value: make([]byte, 32),
		})
	}
	return list
}

// SEC-051 variants 15, 16 and 18: the attachment is another one than the signature covers.
func TestSEC051Attachments(t *testing.T) {
	_, receiver, _ := people(t)
	m, other := sealOne(t, "application/gzip", []byte("payload")), sealOne(t, "application/gzip", []byte("PAYLOAD"))
	s, err := verified(m.soap)
	if err != nil {
		t.Fatal(err)
	}
	if !s.Covers(m.cid) {
		t.Error("the attachment is not covered")
	}
	for _, cid := range []string{
		"", "other@ap.example", "ATT-1@ap.example", "att%2D1@ap.example", "<att-1@ap.example>",
		"root@ap.example", "cid:" + testCID, "#msg-1",
	} {
		if s.Covers(cid) {
			t.Errorf("15, 16: %q is covered", cid)
		}
		_, err := s.Open(never{t}, cid, m.spool())
		refusedAs(t, err, Policy)
	}
	// 15: a part of the same length that was encrypted with another key
	_, err = s.Open(receiver.keys(), m.cid, other.spool())
	refusedAs(t, err, Decryption)
	// 18: the whole old signed header, with a new attachment and a new key of the attacker
	e, o := &edit{t, string(m.soap)}, &edit{t, string(other.soap)}
	for _, local := range []string{"EncryptedKey", "EncryptedData"} {
		_, _, piece := o.find(local, 0)
		e.replace(local, piece)
	}
	_, _, oldToken := e.find("BinarySecurityToken", 0)
	_, _, newToken := o.find("BinarySecurityToken", 0)
	e.swap(oldToken, newToken)
	s, err = verified([]byte(e.text))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Open(receiver.keys(), m.cid, other.spool())
	if refusedAs(t, err, Authentication); !IsDigest(err) {
		t.Errorf("18: %v", err)
	}
}

// SEC-040: whatever byte of the SOAP part is changed, the result is refused, or the verified Messaging is the one that
// was signed, byte for byte.
func TestSEC040Mutations(t *testing.T) {
	m := sealOne(t, "application/gzip", []byte("payload"))
	want := messagingElement(t).Bytes
	accepted := 0
	for i := 0; i < len(m.soap); i += 5 {
		for _, mask := range []byte{0x01, 0x20} {
			bad := bytes.Clone(m.soap)
			bad[min(i+int(mask)%2, len(bad)-1)] ^= mask
			if harmless(t, bad, want) == nil {
				accepted++
			}
		}
	}
	// What is not covered are the encryption elements and the like, which Open checks.
	t.Logf("%d bytes, %d changes without effect on what was verified", len(m.soap), accepted)
}

func FuzzVerifyEnvelope(f *testing.F) {
	m := sealOne(f, "application/gzip", []byte("payload"))
	want := messagingElement(f).Bytes
	f.Add(0, 0, []byte{}, 0)
	f.Add(500, 10, []byte("<x/>"), 0)
	f.Add(len(m.soap)/2, 0, []byte(messagingText), 0)
	f.Add(100, 300, []byte{}, 2000)
	f.Add(len(m.soap)-400, 200, []byte(forged(`wsu:Id="msg-1"`)), 60)
	f.Fuzz(func(t *testing.T, at, cut int, insert []byte, move int) {
		if at < 0 || cut < 0 || move < 0 || at > len(m.soap) || cut > len(m.soap)-at {
			return
		}
		piece := m.soap[at : at+cut]
		bad := append(append(bytes.Clone(m.soap[:at]), insert...), m.soap[at+cut:]...)
		if move > 0 && move < len(bad) { // the piece that was cut stands elsewhere now
			bad = append(append(bytes.Clone(bad[:move]), piece...), bad[move:]...)
		}
		_ = harmless(t, bad, want)
	})
}
