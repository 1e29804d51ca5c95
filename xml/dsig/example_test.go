package dsig_test

import (
	"fmt"
	"strings"

	"github.com/ravn-ap/ravn/xml/dsig"
	"github.com/ravn-ap/ravn/xml/safe"
)

// The canonical form of a part of a document: attributes sorted, empty elements written out, and only the namespaces
// that the part uses.
func ExampleCanon() {
	doc, err := safe.Read(strings.NewReader(
		`<a:list xmlns:a="urn:a" xmlns:b="urn:b"><a:item z="1" b:y='2' x="3"/></a:list>`), safe.Document)
	if err != nil {
		fmt.Println(err)
		return
	}
	item, _ := doc.Top().Child("urn:a", "item")
	form, err := dsig.Canon{Method: dsig.Exclusive}.Bytes(item)
	fmt.Println(string(form), err)
	// Output:
	// <a:item xmlns:a="urn:a" xmlns:b="urn:b" x="3" z="1" b:y="2"></a:item> <nil>
}
