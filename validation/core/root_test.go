package core

import (
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/validation"
	"github.com/ravn-ap/ravn/validation/pack"
)

// The pack has no schema, so the type that a document is checked as must be its own: rules that never meet their
// elements find nothing.
func TestAnotherRootIsInvalid(t *testing.T) {
	rep, err := validation.New([]pack.Pack{Pack()}).Validate(t.Context(), validation.Request{
		DocType: ublSpace + "ApplicationResponse-2::ApplicationResponse##urn:peppol:edec:mls:1.0::2.1",
		Process: "urn:peppol:edec:mls",
		On:      time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Body:    golden.Read(t, "rules/peppol-billing/examples/base-example.xml"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Verdict != validation.Invalid || !strings.Contains(rep.Reason, "the root element is") {
		t.Errorf("an invoice as a status message: %s %q", rep.Verdict, rep.Reason)
	}
}
