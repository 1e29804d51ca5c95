package xsd

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/xml/safe"
)

// schemaText writes a schema without target namespace.
func schemaText(content string) string {
	return `<xs:schema xmlns:xs="` + nsXSD + `">` + "\n" + content + "</xs:schema>"
}

// TestRefused: what is not implemented is refused by name and line, and what is wrong is not loaded.
func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		name, content, want string
		unsupported         bool
	}{
		{"key", `<xs:element name="a"><xs:complexType/><xs:key name="k"/></xs:element>`, "construct key", true},
		{"unique", `<xs:element name="a"><xs:unique name="k"/></xs:element>`, "construct unique", true},
		{"keyref", `<xs:element name="a"><xs:keyref name="k"/></xs:element>`, "construct keyref", true},
		{"redefine", `<xs:redefine schemaLocation="x"/>`, "construct redefine", true},
		{"notation", `<xs:notation name="x"/>`, "construct notation", true},
		{"NOTATION", `<xs:attribute name="a" type="xs:NOTATION"/>`, "type NOTATION", true},
		{
			"version 1.1", `<xs:complexType name="t"><xs:assert test="true()"/></xs:complexType>`,
			"assert is not allowed",
			false,
		},
		{
			"open content", `<xs:complexType name="t"><xs:openContent/></xs:complexType>`, "openContent is not allowed",
			false,
		},
		{
			"attribute of 1.1",
			`<xs:complexType name="t"><xs:sequence><xs:any notQName="a"/></xs:sequence></xs:complexType>`, "notQName",
			false,
		},
		{
			"all of 65", `<xs:complexType name="t"><xs:all>` + elements(65) + `</xs:all></xs:complexType>`,
			"64 elements",
			true,
		},
		{"large group", `<xs:complexType name="t"><xs:sequence maxOccurs="100000"><xs:element name="a"/><xs:element ` +
			`name="b"/></xs:sequence></xs:complexType>`, "content model of this size", true},
		{"huge count", `<xs:complexType name="t"><xs:sequence><xs:element name="a" ` +
			`maxOccurs="99999999999"/></xs:sequence></xs:complexType>`, "too large", true},
		{"pattern", `<xs:simpleType name="t"><xs:restriction base="xs:string"><xs:pattern ` +
			`value="a**"/></xs:restriction></xs:simpleType>`, "pattern", true},
		{"foreign element", `<x/>`, "does not belong to XML Schema", false},
		{"foreign attribute value", `<xs:element name="a" nillable="maybe"/>`, "not a boolean", false},
		{"text", `hello`, "text inside schema", false},
		{"unknown type", `<xs:element name="a" type="t"/>`, "type t is not declared", false},
		{
			"unknown element",
			`<xs:complexType name="t"><xs:sequence><xs:element ref="e"/></xs:sequence></xs:complexType>`,
			"element e is not declared", false,
		},
		{
			"unknown group", `<xs:complexType name="t"><xs:group ref="e"/></xs:complexType>`, "group e is not declared",
			false,
		},
		{
			"unknown attribute", `<xs:complexType name="t"><xs:attribute ref="e"/></xs:complexType>`,
			"attribute e is not declared", false,
		},
		{"undeclared prefix", `<xs:element name="a" type="p:t"/>`, "not declared", false},
		{"twice", `<xs:element name="a"/><xs:element name="a"/>`, "declared twice", false},
		{"base loop", `<xs:simpleType name="a"><xs:restriction base="b"/></xs:simpleType><xs:simpleType ` +
			`name="b"><xs:restriction base="a"/></xs:simpleType>`, "derived from itself", true},
		{
			"group loop", `<xs:group name="g"><xs:sequence><xs:group ref="g"/></xs:sequence></xs:group>`,
			"contains itself", false,
		},
		{
			"attribute group loop", `<xs:attributeGroup name="g"><xs:attributeGroup ref="g"/></xs:attributeGroup>`,
			"contains itself", false,
		},
		{
			"substitution loop",
			`<xs:element name="a" substitutionGroup="b"/><xs:element name="b" substitutionGroup="a"/>`,
			"contains itself", false,
		},
		{"ambiguous", `<xs:complexType name="t"><xs:sequence><xs:element name="a" minOccurs="0"/><xs:element ` +
			`name="a"/></xs:sequence></xs:complexType>`, "two particles a", false},
		{"facet", `<xs:simpleType name="t"><xs:restriction base="xs:boolean"><xs:minInclusive ` +
			`value="1"/></xs:restriction></xs:simpleType>`, "does not apply", false},
		{"enumeration", `<xs:simpleType name="t"><xs:restriction base="xs:int"><xs:enumeration ` +
			`value="x"/></xs:restriction></xs:simpleType>`, "enumeration value", false},
		{"default", `<xs:element name="a" type="xs:int" default="x"/>`, "default or fixed value", false},
		{"occurs", `<xs:complexType name="t"><xs:sequence><xs:element name="a" ` +
			`minOccurs="2"/></xs:sequence></xs:complexType>`, "greater than maxOccurs", false},
		{"include without file", `<xs:include schemaLocation="none.xsd"/>`, "cannot be opened", false},
		{
			"include from the network", `<xs:include schemaLocation="http://example.org/x.xsd"/>`,
			"within the file system", false,
		},
		{"include from outside", `<xs:include schemaLocation="../../x.xsd"/>`, "out of the file system", false},
		{
			"import with another namespace", `<xs:import namespace="urn:y" schemaLocation="o.xsd"/>`,
			"target namespace",
			false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Load(fstest.MapFS{
				"s/s.xsd": {Data: []byte(schemaText(tc.content))},
				"s/o.xsd": {Data: []byte(`<schema xmlns="` + nsXSD + `" targetNamespace="urn:x"/>`)},
			}, "s/s.xsd")
			var e *SchemaError
			if !errors.As(err, &e) {
				t.Fatalf("no SchemaError: %v", err)
			}
			if !strings.Contains(e.Msg, tc.want) || e.Unsupported != tc.unsupported {
				t.Errorf("%v (unsupported %v), want %s", e, e.Unsupported, tc.want)
			}
			if e.Line != 2 && !strings.Contains(tc.want, "opened") && e.File == "s/s.xsd" &&
				tc.name != "substitution loop" && tc.name != "text" {
				t.Errorf("line %d", e.Line)
			}
		})
	}
}

func elements(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`<xs:element name="e` + strings.Repeat("x", i) + `"/>`)
	}
	return b.String()
}

// TestNotSchema: files that are no schema documents.
func TestNotSchema(t *testing.T) {
	for name, data := range map[string]string{
		"not XML":        "x",
		"another root":   "<a/>",
		"not the schema": `<schema/>`,
		"too deep":       strings.Repeat("<a>", 200),
		"entity":         `<!DOCTYPE a [<!ENTITY e "x">]><xs:schema xmlns:xs="` + nsXSD + `" version="&e;"/>`,
	} {
		if _, err := Load(fstest.MapFS{"s.xsd": {Data: []byte(data)}}, "s.xsd"); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	for _, name := range []string{"", "/s.xsd", "../s.xsd", "none.xsd"} {
		if _, err := Load(fstest.MapFS{}, name); err == nil {
			t.Errorf("%q: loaded", name)
		}
	}
}

// TestSeveralFilesOfOneNamespace: an import of a namespace may bring several files, and circles end.
func TestSeveralFilesOfOneNamespace(t *testing.T) {
	fsys := fstest.MapFS{
		"root.xsd": {Data: []byte(`<xs:schema xmlns:xs="` + nsXSD + `" xmlns:o="urn:o">
			<xs:import namespace="urn:o" schemaLocation="x/one.xsd"/>
			<xs:import namespace="urn:o" schemaLocation="x/../x/two.xsd"/><xs:import namespace="urn:gone" schemaLocation="http://example.org/gone.xsd"/>
			<xs:element name="r"><xs:complexType><xs:sequence><xs:element ref="o:one"/><xs:element ref="o:two"/>
			</xs:sequence></xs:complexType></xs:element></xs:schema>`)},
		"x/one.xsd": {Data: []byte(`<schema xmlns="` + nsXSD +
			`" xmlns:o="urn:o" targetNamespace="urn:o"><include schemaLocation="two.xsd"/><element name="one" ` +
			`type="o:t"/></schema>`)},
		"x/two.xsd": {Data: []byte(`<schema xmlns="` + nsXSD + `" xmlns:o="urn:o" targetNamespace="urn:o">
			<include schemaLocation="one.xsd"/><element name="two" type="o:t"/>
			<simpleType name="t"><restriction base="int"/></simpleType></schema>`)},
	}
	s, err := Load(fsys, "root.xsd")
	if err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]int{
		`<r xmlns:o="urn:o"><o:one>1</o:one><o:two>2</o:two></r>`: 0,
		`<r xmlns:o="urn:o"><o:one>x</o:one><o:two>y</o:two></r>`: 2,
	} {
		if errs, err := s.Validate(strings.NewReader(doc)); err != nil || len(errs) != want {
			t.Errorf("%s: %v %v", doc, errs, err)
		}
	}
}

// FuzzLoad: a schema is refused or can be used; whatever the files are, nothing panics or takes long.
func FuzzLoad(f *testing.F) {
	if err := fs.WalkDir(os.DirFS("testdata/features"), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile("testdata/features/" + p)
		f.Add(b, []byte(`<r xmlns="urn:f"/>`))
		return err
	}); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{
		"sbdh/Partner.xsd", "payment-extras/PaymentExtras.xsd",
		"ubl-2.1/common/UBL-xmldsig-core-schema-2.1.xsd",
	} {
		f.Add(golden.Read(f, "rules/xsd/"+name), []byte(`<Metadata/>`))
	}
	f.Add(
		[]byte(modelSchema(`<xs:choice maxOccurs="5"><xs:element name="a" minOccurs="0" maxOccurs="9"/></xs:choice>`)),
		[]byte(`<r xmlns="urn:m"><a xmlns=""/></r>`))
	f.Fuzz(func(t *testing.T, schema, doc []byte) {
		s, err := Load(fstest.MapFS{"s.xsd": {Data: schema}, "o.xsd": {Data: schema}}, "s.xsd")
		if err != nil {
			return
		}
		if _, err := s.Validate(bytes.NewReader(doc)); err != nil {
			return
		}
	})
}

// A set keeps no documents: a schema that shares a file with an earlier one, but stands on other imports, reads it
// again.
func TestSetReadsAgain(t *testing.T) {
	schema := func(space, body string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="` +
			space + `" xmlns:a="a" xmlns:b="b">` + body + `</xs:schema>`)}
	}
	s := NewSet(fstest.MapFS{
		"a.xsd":   schema("a", `<xs:simpleType name="t"><xs:restriction base="xs:integer"/></xs:simpleType>`),
		"b.xsd":   schema("b", `<xs:simpleType name="t"><xs:restriction base="xs:boolean"/></xs:simpleType>`),
		"one.xsd": schema("one", `<xs:import namespace="a" schemaLocation="a.xsd"/><xs:element name="e" type="a:t"/>`),
		"two.xsd": schema("two", `<xs:import namespace="a" schemaLocation="a.xsd"/><xs:import namespace="b" `+
			`schemaLocation="b.xsd"/><xs:element name="e" type="a:t"/><xs:element name="f" type="b:t"/>`),
	})
	for _, name := range []string{"one", "two", "one"} {
		schema, err := s.Load(name + ".xsd")
		if err != nil {
			t.Fatal(err)
		}
		for text, valid := range map[string]bool{"1": true, "x": false} {
			run := schema.NewRun()
			doc := `<e xmlns="` + name + `">` + text + `</e>`
			if err := safe.Scan(strings.NewReader(doc), safe.Document,
				func(e *safe.Event) error { run.Event(e); return nil }); err != nil {
				t.Fatal(err)
			}
			if list := run.Errors(); (len(list) == 0) != valid {
				t.Errorf("%s: %s: %v", name, doc, list)
			}
		}
	}
	for _, f := range s.raw {
		if f.doc != nil {
			t.Errorf("%s is kept", f.path)
		}
	}
}
