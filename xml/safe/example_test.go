package safe_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ravn-ap/ravn/xml/safe"
)

func ExampleRead() {
	doc,
		err := safe.Read(strings.NewReader(`<order xmlns="urn:example:order"><item id="7">pen &amp; ink</item>`+
		"</order>"),
		safe.Document)
	if err != nil {
		fmt.Println(err)
		return
	}
	item, ok := doc.Top().Child("urn:example:order", "item")
	id, _ := item.Attr("", "id")
	text, _ := item.Leaf()
	fmt.Println(ok, id, text)

	// What a profile does not accept is an error that says where.
	_,
		err = safe.Read(
		strings.NewReader("<!DOCTYPE order [\n<!ENTITY a SYSTEM 'file:///etc/passwd'>]><order>&a;</order>"),
		safe.Document)
	var xe *safe.Error
	fmt.Println(errors.As(err, &xe), err)
	// Output:
	// true 7 pen & ink
	// true xml: line 1 column 1: a document type declaration is not allowed (SEC-032)
}
