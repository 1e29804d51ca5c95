package xsd_test

import (
	"fmt"
	"strings"
	"testing/fstest"

	"github.com/ravn-ap/ravn/xml/xsd"
)

func ExampleLoad() {
	schemas := fstest.MapFS{"order.xsd": {Data: []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
		<xs:element name="order">
			<xs:complexType>
				<xs:sequence>
					<xs:element name="item" type="xs:string"/>
					<xs:element name="amount" type="xs:decimal"/>
				</xs:sequence>
			</xs:complexType>
		</xs:element>
	</xs:schema>`)}}
	schema, err := xsd.Load(schemas, "order.xsd")
	if err != nil {
		fmt.Println(err)
		return
	}
	list, err := schema.Validate(strings.NewReader("<order>\n<item>pen</item>\n<amount>two</amount>\n</order>"))
	for _, e := range list {
		fmt.Println(e.Line, e.Path, e.Code)
		fmt.Println(e.Message)
	}
	fmt.Println(err)
	// Output:
	// 3 /order[1]/amount[1] cvc-datatype-valid.1.2.1
	// the value of amount is not allowed: "two" is not a value of the type decimal
	// <nil>
}
