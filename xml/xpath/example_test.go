package xpath_test

import (
	"context"
	"fmt"

	"github.com/ravn-ap/ravn/xml/xdm"
	"github.com/ravn-ap/ravn/xml/xpath"
)

// Expressions are compiled first, with the table of names that the trees are then built with.
func Example() {
	names := xdm.NewNames()
	scope := xpath.NewCompiler(names, map[string]string{"o": "urn:example:order"}).Scope()
	total, err := scope.Compile("sum(/o:order/o:line/@amount)")
	if err != nil {
		fmt.Println(err)
		return
	}
	large, err := scope.Compile("o:line[xs:decimal(@amount) > 10]/@item")
	if err != nil {
		fmt.Println(err)
		return
	}
	tree, err := xdm.Parse([]byte(`<order xmlns="urn:example:order">
		<line item="pen" amount="2.5"/><line item="desk" amount="120"/><line item="chair" amount="80"/>
	</order>`), names)
	if err != nil {
		fmt.Println(err)
		return
	}

	ev := xpath.NewEvaluation(context.Background(), tree, xpath.Budget{})
	defer ev.Release()
	sum, err := ev.String(total, 0) // 0 is the document node
	fmt.Println(sum, err)
	items, err := ev.Items(large, tree.FirstChild(0))
	for _, item := range items {
		fmt.Println(ev.Text(item))
	}
	fmt.Println(err)
	// Output:
	// 202.5 <nil>
	// desk
	// chair
	// <nil>
}
