package regex_test

import (
	"fmt"
	"regexp"

	"github.com/ravn-ap/ravn/xml/regex"
)

// In a pattern of XML Schema "^" and "$" are ordinary characters, and it matches the whole value.
func ExampleXSD() {
	pattern, err := regex.XSD("[a-z-[aeiou]]+")
	if err != nil {
		fmt.Println(err)
		return
	}
	re := regexp.MustCompile(pattern)
	fmt.Println(re.MatchString("rhythm"), re.MatchString("melody"))
	// Output: true false
}
