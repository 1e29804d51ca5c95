package testbed

import (
	"os/exec"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
)

// The demo's invoice is valid UBL 2.1 for libxml2.
func TestInteropInvoiceIsValid(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		golden.Missing(t, "RAVN_REQUIRE_TOOLS", "a tool of this machine is missing", "xmllint")
	}
	out, err := exec.Command(xmllint, "--noout", "--nonet", "--schema",
		golden.Shared(t, "rules/xsd/ubl-2.1/maindoc/UBL-Invoice-2.1.xsd"), "invoice.xml").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
