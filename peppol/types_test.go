package peppol

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// The short names are sorted, and what they stand for is accepted by the parsers of identifiers.
func TestNamedTypes(t *testing.T) {
	list := NamedTypes()
	if !slices.IsSortedFunc(list, func(a, b NamedType) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the list is not sorted by name")
	}
	seen := map[DocTypeID]string{}
	for _, n := range list {
		d, err := NewDocType(n.DocType.Scheme(), n.DocType.Value())
		if err != nil || d != n.DocType {
			t.Errorf("%s: %v", n.Name, err)
		}
		if p, err := NewProcess(n.Process.Scheme(), n.Process.Value()); err != nil || p != n.Process {
			t.Errorf("%s: %v", n.Name, err)
		}
		if other := seen[d]; other != "" {
			t.Errorf("%s and %s are the same type", n.Name, other)
		}
		seen[d] = n.Name
		if _, err := ParseDocType(n.Name); err == nil {
			t.Errorf("%s is a document type identifier itself", n.Name)
		}
	}
	const billing = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:cen.eu:en16931:2017#" +
		"compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
	n, ok := TypeNamed("Billing")
	if !ok || n.DocType.String() != "busdox-docid-qns::"+billing ||
		n.Process.Value() != "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0" {
		t.Errorf("billing is %+v", n)
	}
	if _, ok := TypeNamed("bill"); ok {
		t.Error("half a name was enough")
	}
}

// DISC-005: new registrations use an active scheme of the code list.
func TestDISC005Scheme(t *testing.T) {
	for text, good := range map[string]bool{
		"0192:991825827": true, "0088:7080000000012": true, "0002:1": true, "9959:x": true, "0242:000123": true,
		"0158:1": true, "9910:x": true,
		"9908:991825827": false, "9909:NO991825827MVA": false, "1234:abc": false, "0000:x": false, "0193:x": false,
	} {
		p, err := ParseParticipant(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.CheckScheme(); (err == nil) != good || err != nil && !errors.Is(err, ErrScheme) {
			t.Errorf("%s: %v", text, err)
		}
	}
	p, _ := ParseParticipant("9908:991825827")
	if err := p.CheckScheme(); !strings.Contains(err.Error(), "0192") {
		t.Errorf("9908: %v, want what to use instead", err)
	}
}
