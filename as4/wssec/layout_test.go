package wssec

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/xml/dsig"
)

// layout is a way in which another access point may write the same envelope.
type layout struct {
	name      string
	soap      string // prefix of the envelope's namespace; "" is the default namespace
	eb        string
	wsse, ds  string
	extra     string // further declarations on the envelope
	canonList string // PrefixList of CanonicalizationMethod
	list      string // PrefixList of the references
	pretty    bool   // line breaks and blanks everywhere
	bodyEmpty string
	lines     bool // base64 with line ends
	mustUnder string
}

// write writes the envelope unsigned: digests and value are filled in by resign.
func (l layout) write(by *party, attachment, encryption string) string {
	p := func(prefix, name string) string {
		if prefix == "" {
			return name
		}
		return prefix + ":" + name
	}
	decl := func(prefix, uri string) string {
		if prefix == "" {
			return ` xmlns="` + uri + `"`
		}
		return ` xmlns:` + prefix + `="` + uri + `"`
	}
	list := func(s string) string {
		if s == "" {
			return ""
		}
		return `<ec:InclusiveNamespaces xmlns:ec="` + dsig.ExcNS + `" PrefixList="` + s + `"/>`
	}
	ref := func(uri, alg, content, digest string) string {
		return `<DS:Reference URI="` + uri + `"><DS:Transforms><DS:Transform Algorithm="` + alg + `">` + content +
			`</DS:Transform></DS:Transforms><DS:DigestMethod Algorithm="` + dsig.SHA256 +
			`"/><DS:DigestValue>` + digest + `</DS:DigestValue></DS:Reference>`
	}
	token := base64.StdEncoding.EncodeToString(by.cert.Raw)
	if l.lines {
		var b strings.Builder
		for ; len(token) > 64; token = token[64:] {
			b.WriteString(token[:64] + "\r\n\t")
		}
		token = "\n" + b.String() + token + "\n"
	}
	refs := ref("#m-1", dsig.Exclusive, list(l.list), "") + ref("#b-1", dsig.Exclusive, list(l.list), "")
	if attachment != "" {
		refs += ref("cid:"+testCID, swaSignature, "", attachment)
	}
	must := "true"
	if l.mustUnder != "" {
		must = l.mustUnder
	}
	// an attribute needs a prefix, whatever the elements have
	attr := l.soap
	if attr == "" {
		attr = "sa"
	}
	signature := `<DS:Signature` + decl(l.ds, nsDS) + `><DS:SignedInfo><DS:CanonicalizationMethod Algorithm="` +
		dsig.Exclusive + `">` + list(l.canonList) +
		`</DS:CanonicalizationMethod><DS:SignatureMethod Algorithm="` + dsig.RSASHA256 + `"/>` + refs +
		`</DS:SignedInfo><DS:SignatureValue></DS:SignatureValue><DS:KeyInfo>` +
		`<WSSE:SecurityTokenReference><WSSE:Reference URI="#t-1" ValueType="` + x509v3 +
		`"/></WSSE:SecurityTokenReference></DS:KeyInfo></DS:Signature>`
	if l.wsse == "" { // the default namespace is another one inside ds:Signature
		signature = strings.Replace(signature, "<WSSE:SecurityTokenReference>",
			`<WSSE:SecurityTokenReference`+decl("", nsWSSE)+`>`, 1)
	}
	messaging := `<EB:Messaging` + decl(l.eb, nsEB) + ` ` + attr + `:mustUnderstand="` + must +
		`" wsu:Id="m-1"><EB:UserMessage><EB:MessageInfo><EB:MessageId>one@ap.example</EB:MessageId></EB:MessageInfo>` +
		`</EB:UserMessage></EB:Messaging>`
	out := `<S:Envelope` + decl(l.soap, nsSOAP) + decl(attr, nsSOAP) + ` xmlns:wsu="` + nsWSU + `"` + l.extra +
		`><S:Header><WSSE:Security` + decl(l.wsse, nsWSSE) + ` ` + attr + `:mustUnderstand="` + must + `">` +
		encryption +
		`<WSSE:BinarySecurityToken EncodingType="` + base64Binary + `" ValueType="` + x509v3 + `" wsu:Id="t-1">` +
		token + `</WSSE:BinarySecurityToken>` + signature +
		`</WSSE:Security>` + messaging + `</S:Header><S:Body wsu:Id="b-1">` + l.bodyEmpty + `</S:Body></S:Envelope>`
	if l.soap != "" {
		out = strings.Replace(out, decl(attr, nsSOAP), "", 1)
	}
	for placeholder, prefix := range map[string]string{"S": l.soap, "EB": l.eb, "WSSE": l.wsse, "DS": l.ds} {
		out = strings.NewReplacer("<"+placeholder+":", "<"+p(prefix, ""), "</"+placeholder+":",
			"</"+p(prefix, "")).Replace(out)
	}
	if l.pretty {
		out = strings.ReplaceAll(out, "><", ">\r\n  <")
		out = strings.Replace(out, ">\r\n  </"+p(l.ds, "SignatureValue"), "></"+p(l.ds, "SignatureValue"), 1)
	}
	return out
}

var layouts = []layout{
	{name: "as ours", soap: "S12", eb: "eb", wsse: "wsse", ds: "ds"},
	{name: "env", soap: "env", eb: "eb3", wsse: "wsse", ds: "ds", list: "env", canonList: "env"},
	{
		name: "soapenv with PrefixLists as Holodeck", soap: "soapenv", eb: "eb3", wsse: "wsse", ds: "ds",
		extra: ` xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` +
			`xmlns:eb3="` + nsEB + `"`, list: "eb3 soapenv xsd xsi", canonList: "eb3 soapenv xsd xsi",
	},
	{name: "envelope in the default namespace", soap: "", eb: "eb", wsse: "wsse", ds: "ds"},
	{
		name: "envelope in the default namespace, #default", soap: "", eb: "eb", wsse: "wsse", ds: "ds",
		list: "#default sa", canonList: "#default wsu",
	},
	{name: "all in default namespaces", soap: "", eb: "", wsse: "", ds: "", list: "#default", canonList: "#default"},
	{name: "signature in the default namespace", soap: "soap", eb: "ns2", wsse: "wsse", ds: ""},
	{
		name: "unused declarations", soap: "S12", eb: "eb", wsse: "wsse", ds: "ds",
		extra: ` xmlns:x="u:x" xmlns:y="u:y" xmlns="u:default"`,
	},
	{
		name: "unused declarations in PrefixLists", soap: "S12", eb: "eb", wsse: "wsse", ds: "ds",
		extra: ` xmlns:x="u:x" xmlns:y="u:y" xmlns="u:default"`, list: "x #default none", canonList: "y x #default",
	},
	{name: "pretty", soap: "S12", eb: "eb", wsse: "wsse", ds: "ds", pretty: true, bodyEmpty: "\n  "},
	{name: "lines in base64", soap: "S12", eb: "eb", wsse: "wsse", ds: "ds", lines: true, mustUnder: "1"},
}

// AS4-063, as4.md §16 (b): envelopes in other layouts open: prefixes, default namespaces, unused declarations and
// PrefixLists. xmlsec1 agrees about the signature of each.
func TestAS4063Layouts(t *testing.T) {
	sender, receiver, _ := people(t)
	ours := sealOne(t, "application/gzip", []byte("payload"))
	e := &edit{t, string(ours.soap)}
	for i := 0; ; i++ { // the digest of the attachment is in the third reference
		_, _, s := e.find("Reference", i)
		if strings.Contains(s, `URI="cid:`) {
			d := &edit{t, strings.Replace(s, "<ds:Reference", `<ds:Reference xmlns:ds="`+nsDS+`"`, 1)}
			_, _, v := d.find("DigestValue", 0)
			e.text = leafText(v)
			break
		}
	}
	digest := e.text
	x := &edit{t, string(ours.soap)}
	from, _, _ := x.find("BinarySecurityToken", 0)
	_, to, _ := x.find("EncryptedData", 0)
	encryption := strings.NewReplacer("<wsse:BinarySecurityToken ",
		`<wsse:BinarySecurityToken xmlns:wsse="`+nsWSSE+`" `,
		"<wsse:SecurityTokenReference", `<wsse:SecurityTokenReference xmlns:wsse="`+nsWSSE+`"`).Replace(x.text[from:to])
	external := map[string][]byte{}
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			full := &edit{t, l.write(sender, digest, encryption)}
			full.resign(sender)
			m := *ours
			m.soap = []byte(full.text)
			m.mustOpen(t, receiver.keys())
			s, err := verified(m.soap)
			if err != nil {
				t.Fatal(err)
			}
			want := canonicalOf(t, s.Messaging())
			for _, bad := range []string{
				strings.Replace(full.text, "one@", "two@", 1),
				strings.Replace(full.text, `wsu:Id="b-1">`, `wsu:Id="b-1">`+" x", 1),
				strings.Replace(full.text, `wsu:Id="m-1">`, `wsu:Id="m-1">`+" ", 1),
			} {
				if bad == full.text {
					t.Fatal("nothing changed")
				}
				if _, err := verified([]byte(bad)); err == nil {
					t.Error("a changed envelope is accepted")
				}
				_ = harmless(t, []byte(bad), want)
			}
			if l.list != "" { // a declaration in the PrefixList is signed
				p := strings.Fields(l.list)[0]
				old := ` xmlns:` + p + `="`
				if p == "#default" {
					old = ` xmlns="`
				}
				if bad := strings.Replace(full.text, old, old+"u:x", 1); bad != full.text &&
					strings.Contains(l.name, "unused") {
					if _, err := verified([]byte(bad)); err == nil {
						t.Error("a changed declaration of the PrefixList is accepted")
					}
				}
			}
			plain := &edit{t, l.write(sender, "", "")}
			plain.resign(sender)
			external[l.name] = []byte(plain.text)
		})
	}
	t.Run("xmlsec1", func(t *testing.T) {
		for name, ok := range xmlsecVerify(t, sender, external) {
			if !ok {
				t.Errorf("xmlsec1 refuses the layout %s", name)
			}
		}
	})
}
