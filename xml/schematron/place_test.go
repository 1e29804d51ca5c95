package schematron

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ravn-ap/ravn/xml/xdm"
)

// A document that is wrong in many places gives as many findings as are kept, the number of the others, and right
// places.
func TestManyFindings(t *testing.T) {
	const n = 3000
	src,
		err := Load(fstest.MapFS{"r.sch": {Data: []byte(
		`<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">` +
			`<pattern><rule context="b"><assert id="W" flag="warning" test="false()"/></rule></pattern>` +
			`<pattern><rule context="c"><assert id="F" flag="fatal" test="false()"/></rule></pattern></schema>`)}},
		"r.sch")
	if err != nil {
		t.Fatal(err)
	}
	names := xdm.NewNames()
	s, err := Compile(src, names, "")
	if err != nil {
		t.Fatal(err)
	}
	tree, err := xdm.Parse([]byte("<a>"+strings.Repeat("<x/>text<b/>", n)+"<c/></a>"), names)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Validate(t.Context(), tree, Options{Trace: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Findings) != maxFindings || res.More != n+1-maxFindings || !res.MoreBad || res.Fired != n+1 {
		t.Fatalf("%d findings, %d more, bad %v, %d fired", len(res.Findings), res.More, res.MoreBad, res.Fired)
	}
	for i, f := range res.Findings {
		if want := fmt.Sprintf("/a[1]/b[%d]", i+1); f.Location != want {
			t.Fatalf("finding %d at %s, want %s", i, f.Location, want)
		}
	}
	p := places{t: tree} // also backwards, as another pattern begins at the start again
	for _, i := range []int{2999, 0, 1500, 1500, 1501} {
		if got, want := p.path(res.Findings[min(i, maxFindings-1)].Node),
			fmt.Sprintf("/a[1]/b[%d]", min(i, maxFindings-1)+1); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
