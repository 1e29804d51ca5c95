package sbdh

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/xsd"
)

// everything is an envelope with all that the UN/CEFACT schema allows beside the Peppol subset.
func everything(t testing.TB) string {
	t.Helper()
	text := example(t)
	contact := `<ContactInformation><Contact>x</Contact><EmailAddress>a@b</EmailAddress><FaxNumber>1</FaxNumber>` +
		`<TelephoneNumber>2</TelephoneNumber><ContactTypeIdentifier>t</ContactTypeIdentifier></ContactInformation>`
	service := `<BusinessService><BusinessServiceName>n</BusinessServiceName><ServiceTransaction` +
		` TypeOfServiceTransaction="RespondingServiceTransaction" Recurrence="2"/></BusinessService>`
	correlation := `<CorrelationInformation><RequestingDocumentCreationDateTime>2024-02-29T24:00:00+14:00` +
		`</RequestingDocumentCreationDateTime><RequestingDocumentInstanceIdentifier>` +
		`i</RequestingDocumentInstanceIdentifier>` +
		`<ExpectedResponseDateTime>12026-01-01T00:00:00.5</ExpectedResponseDateTime></CorrelationInformation>`
	for _, add := range []struct{ before, text string }{
		{"</Sender>", contact + `<ContactInformation><Contact/></ContactInformation>`},
		{"</Receiver>", contact},
		{"<CreationDateAndTime>", `<MultipleType> false </MultipleType>`},
		{"<BusinessScope>", `<Manifest><NumberOfItems>+2</NumberOfItems><ManifestItem><MimeTypeQualifierCode>a/b` +
			`</MimeTypeQualifierCode><UniformResourceIdentifier>cid:a@b</UniformResourceIdentifier><Description>d` +
			`</Description><LanguageCode>EN</LanguageCode></ManifestItem><ManifestItem><MimeTypeQualifierCode/>` +
			`<UniformResourceIdentifier/></ManifestItem></Manifest>`},
		{"</Scope>", service + correlation + `<BusinessService/>`},
	} {
		if !strings.Contains(text, add.before) {
			t.Fatalf("there is no %s in the example", add.before)
		}
		text = strings.Replace(text, add.before, add.text+add.before, 1)
	}
	const open = "<StandardBusinessDocumentHeader>"
	return strings.Replace(text, open, strings.TrimSuffix(open, ">")+
		` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b" `+
		`xsi:type="StandardBusinessDocumentHeader">`, 1)
}

// SBDH-039. What the schema allows is read, named and ignored; what Peppol uses is what it was.
func TestSBDH039Optional(t *testing.T) {
	plain, _, err := Read(strings.NewReader(example(t)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := Read(strings.NewReader(everything(t)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ContactInformation", "MultipleType", "Manifest", "BusinessService", "CorrelationInformation"}
	if !slices.Equal(h.Ignored, want) || len(h.Warnings) != len(want) {
		t.Errorf("ignored %q, warned of %q", h.Ignored, h.Warnings)
	}
	h.Ignored, h.Warnings = nil, nil
	if got, want := fmt.Sprintf("%+v", h), fmt.Sprintf("%+v", plain); got != want {
		t.Errorf("what counts differs:\n%s\n%s", got, want)
	}
}

// SBDH-005, SBDH-012, SBDH-039. What stays refused, although much is read now.
func TestSBDH039Refused(t *testing.T) {
	good := everything(t)
	part := func(from, to string) string {
		i := strings.Index(good, from)
		return good[i : i+strings.Index(good[i:], to)+len(to)]
	}
	sender, receiver, manifest := part("<Sender>", "</Sender>"), part("<Receiver>", "</Receiver>"),
		part("<Manifest>", "</Manifest>")
	for _, tc := range []struct{ name, old, text, keyword string }{
		{"SBDH-005 a second Sender", sender, sender + sender, "invalid-sender-count"},
		{"SBDH-005 a second Receiver", receiver, receiver + receiver, "invalid-receiver-count"},
		{"SBDH-005 no Identifier", part("<Identifier", "</Identifier>"), "", "invalid-sender-count"},
		{"SBDH-012 a second DOCUMENTID", "<Type>PROCESSID<", "<Type>DOCUMENTID<", "invalid-scope-count"},
		{"SBDH-039 a second Manifest", manifest, manifest + manifest, "invalid-sbd-xml"},
		{"SBDH-039 a Manifest at another place", "<BusinessScope>", "<BusinessScope>" + manifest, "invalid-sbd-xml"},
		{"SBDH-039 an empty Manifest", manifest, "<Manifest/>", "invalid-sbd-xml"},
		{"SBDH-039 MultipleType is no boolean", "> false <", ">no<", "invalid-sbd-xml"},
		{"SBDH-039 the abstract element", "<BusinessService/>", "<ScopeInformation/>", "invalid-sbd-xml"},
		{"SBDH-039 an element of nobody", "<Manifest>", "<Extra/><Manifest>", "invalid-sbd-xml"},
		{"SBDH-039 another namespace", "<Manifest>", `<Manifest xmlns="urn:x">`, "invalid-sbd-xml"},
		{"SBDH-039 text beside elements", "<Manifest>", "<Manifest>x", "invalid-sbd-xml"},
		{"SBDH-039 an attribute of nobody", "<Manifest>", `<Manifest a="b">`, "invalid-sbd-xml"},
		{
			"SBDH-039 an attribute of the root", "<StandardBusinessDocument ", `<StandardBusinessDocument a="b" `,
			"invalid-sbd-xml",
		},
		{"SBDH-039 nil", "<Contact/>", `<Contact xsi:nil="true"/>`, "invalid-sbd-xml"},
		{"SBDH-010 a day that does not exist", instant, "2026-02-29T11:59:58Z", "invalid-creation-date-time"},
		{"SBDH-010 a time that does not exist", instant, "2026-02-28T24:00:01Z", "invalid-creation-date-time"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := strings.Replace(good, tc.old, tc.text, 1)
			if tc.name == "SBDH-039 nil" {
				text = strings.Replace(text, "<Contact xsi:nil", `<Contact xmlns:xsi="`+nsInstance+`" xsi:nil`, 1)
			}
			_, _, err := Read(strings.NewReader(text), Options{})
			var e *Error
			if text == good || !errors.As(err, &e) || e.Keyword != tc.keyword {
				t.Errorf("got %v, want %s", err, tc.keyword)
			}
		})
	}
}

// node is an element of an envelope that is being changed.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Text    string     `xml:",chardata"`
	Kids    []*node    `xml:",any"`
}

func (n *node) write(b *strings.Builder) {
	fmt.Fprintf(b, "<%s", n.XMLName.Local)
	if n.XMLName.Local == "StandardBusinessDocument" || n.XMLName.Local == "Invoice" {
		fmt.Fprintf(b, ` xmlns="%s" xmlns:xsi="%s"`, n.XMLName.Space, nsInstance)
	}
	for _, a := range n.Attrs {
		switch a.Name.Space {
		case "":
			if a.Name.Local != "xmlns" {
				fmt.Fprintf(b, ` %s="%s"`, a.Name.Local, a.Value)
			}
		case nsInstance:
			fmt.Fprintf(b, ` xsi:%s="%s"`, a.Name.Local, a.Value)
		}
	}
	b.WriteString(">")
	_ = xml.EscapeText(b, []byte(n.Text)) // a builder takes everything
	for _, k := range n.Kids {
		k.write(b)
	}
	fmt.Fprintf(b, "</%s>", n.XMLName.Local)
}

// copy returns an element of its own, with all inside.
func (n *node) copy() *node {
	c := *n
	c.Kids = nil
	for _, k := range n.Kids {
		c.Kids = append(c.Kids, k.copy())
	}
	return &c
}

// list returns an element and all inside.
func (n *node) list() []*node {
	all := []*node{n}
	for _, k := range n.Kids {
		all = append(all, k.list()...)
	}
	return all
}

// mutate changes one thing in the header.
func mutate(rnd *rand.Rand, header *node, names []string) {
	all := header.list()
	n := all[rnd.IntN(len(all))]
	texts := []string{
		"", "x", " true ", "0", "TRUE", "-7", "1.5", "2026-11-21T11:59:58Z", "2026-11-31T11:59:58",
		"2026-11-21T24:00:00",
		"0000-01-01T00:00:00Z", "02026-01-01T00:00:00Z", "2026-11-21T11:59:58+14:01", "2026-11-21T11:59:60Z",
		"2026-11-21",
	}
	attrs := []xml.Attr{
		{Name: xml.Name{Local: "Authority"}, Value: "x"},
		{Name: xml.Name{Local: "Recurrence"}, Value: "1"},
		{Name: xml.Name{Local: typeOfService}, Value: "x"},
		{Name: xml.Name{Space: nsInstance, Local: "nil"}, Value: "false"},
		{Name: xml.Name{Space: nsInstance, Local: "schemaLocation"}, Value: "a b"},
		{Name: xml.Name{Space: nsInstance, Local: "type"}, Value: "Partner"},
	}
	i := -1
	if len(n.Kids) > 0 {
		i = rnd.IntN(len(n.Kids))
	}
	switch kind := rnd.IntN(8); {
	case kind == 0 && i >= 0:
		n.Kids = slices.Delete(n.Kids, i, i+1)
	case kind == 1 && i >= 0:
		n.Kids = slices.Insert(n.Kids, i, n.Kids[i].copy())
	case kind == 2 && i >= 0:
		j := rnd.IntN(len(n.Kids))
		n.Kids[i], n.Kids[j] = n.Kids[j], n.Kids[i]
	case kind == 3:
		n.Kids = slices.Insert(n.Kids, max(i, 0), all[rnd.IntN(len(all))].copy())
	case kind == 4 && n != header:
		n.XMLName.Local = names[rnd.IntN(len(names))]
	case kind == 5:
		a := attrs[rnd.IntN(len(attrs))]
		if !slices.ContainsFunc(n.Attrs, func(b xml.Attr) bool { return b.Name == a.Name }) {
			n.Attrs = append(slices.Clone(n.Attrs), a)
		}
	default:
		n.Text = texts[rnd.IntN(len(texts))]
	}
}

// mutants makes envelopes that differ from one with everything in one to three places.
func mutants(t testing.TB, n int) (list []string) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(11, 2))
	for len(list) < n {
		var doc node
		if err := xml.Unmarshal([]byte(everything(t)), &doc); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range doc.Kids[0].list() {
			names = append(names, e.XMLName.Local)
		}
		names = append(names, "ScopeInformation", "Extra")
		for range 1 + rnd.IntN(3) {
			mutate(rnd, doc.Kids[0], names)
		}
		var b strings.Builder
		doc.write(&b)
		if b.Len() < 60<<10 {
			list = append(list, b.String())
		}
	}
	return list
}

// SBDH-039. What the schema forbids is refused, and what is refused because of its form is what the schema forbids, or
// a second Sender or Receiver; judges are our engine for schemas, and libxml2 where it is.
func TestSBDH039Judges(t *testing.T) {
	const name = "sbdh/StandardBusinessDocumentHeader.xsd"
	dir := golden.Shared(t, "rules/xsd")
	s, err := xsd.Load(os.DirFS(dir), name)
	if err != nil {
		t.Fatal(err)
	}
	texts := mutants(t, 4000)
	second := libxml2(t, filepath.Join(dir, name), texts)
	accepted, refused := 0, 0
	for i, text := range texts {
		faults, err := s.Validate(bytes.NewReader([]byte(text)))
		if err != nil {
			t.Fatal(err)
		}
		valid := len(faults) == 0
		if second != nil && second[i] != valid {
			continue // the judges do not agree
		}
		_, _, err = Read(strings.NewReader(text), Options{})
		var e *Error
		form := errors.As(err, &e) && e.Rule == "SBDH-039"
		switch {
		case !valid && err == nil:
			t.Fatalf("accepted, though %v:\n%s", faults[0], text)
		case valid && form:
			t.Fatalf("%v, though the schema allows it:\n%s", err, text)
		case err == nil:
			accepted++
		case !valid:
			refused++
		}
	}
	if accepted < 100 || refused < 1000 {
		t.Errorf("%d accepted and %d refused say little", accepted, refused)
	}
}

// libxml2 asks xmllint about all documents; nil when it is not there.
func libxml2(t *testing.T, schema string, texts []string) (valid []bool) {
	t.Helper()
	if _, err := exec.LookPath("xmllint"); err != nil {
		return nil
	}
	dir := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", schema}
	for i, text := range texts {
		file := filepath.Join(dir, fmt.Sprintf("%d.xml", i))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, fmt.Sprintf("%d.xml", i))
	}
	cmd := exec.Command("xmllint", args...)
	cmd.Dir = dir
	out, _ := cmd.CombinedOutput() // an invalid document is a failure
	valid = make([]bool, len(texts))
	for line := range strings.Lines(string(out)) {
		var i int
		if n, err := fmt.Sscanf(line, "%d.xml validates", &i); n == 1 && err == nil {
			valid[i] = true
		}
	}
	return valid
}
