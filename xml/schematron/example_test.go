package schematron_test

import (
	"context"
	"fmt"
	"testing/fstest"

	"github.com/ravn-ap/ravn/xml/schematron"
	"github.com/ravn-ap/ravn/xml/xdm"
)

// Rules are compiled first, with the table of names that the trees are then built with.
func Example() {
	files := fstest.MapFS{"order.sch": {Data: []byte(
		`<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
			<pattern>
				<rule context="line">
					<assert id="A-1" flag="fatal" test="xs:decimal(@amount) ge 0">The amount of
						<value-of select="@item"/> is negative.</assert>
				</rule>
			</pattern>
		</schema>`)}}
	src, err := schematron.Load(files, "order.sch")
	if err != nil {
		fmt.Println(err)
		return
	}
	names := xdm.NewNames()
	rules, err := schematron.Compile(src, names, "")
	if err != nil {
		fmt.Println(err)
		return
	}

	tree, err := xdm.Parse([]byte(`<order><line item="pen" amount="2.5"/><line item="desk" amount="-1"/></order>`),
		names)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := rules.Validate(context.Background(), tree, schematron.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range res.Findings {
		fmt.Println(f.ID(), f.Flag(), f.Location, f.Text)
	}
	// Output: A-1 fatal /order[1]/line[2] The amount of desk is negative.
}
