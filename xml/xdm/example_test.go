package xdm_test

import (
	"fmt"

	"github.com/ravn-ap/ravn/xml/xdm"
)

func ExampleParse() {
	names := xdm.NewNames()
	line := names.ID("", "line") // before the tree is built: other names are not indexed
	tree, err := xdm.Parse([]byte(`<order><line>pen</line><line>desk</line></order>`), names)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range tree.Elements(line) {
		fmt.Println(tree.Name(n).Local, tree.Value(n))
	}
	fmt.Println(tree.Value(tree.FirstChild(0)))
	// Output:
	// line pen
	// line desk
	// pendesk
}
