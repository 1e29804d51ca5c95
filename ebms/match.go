package ebms

import (
	"bytes"
	"fmt"
	"slices"
)

// MatchReceipt compares the references of a receipt with those that were signed (AS4-108). They must have the same
// URIs, transform algorithms, digest methods and digest values. Order, prefixes and InclusiveNamespaces do not matter.
func MatchReceipt(r *Receipt, sent []Reference) error {
	if len(r.References) != len(sent) {
		return fmt.Errorf("ebms: the receipt has %d references, %d parts were signed (AS4-108)", len(r.References),
			len(sent))
	}
	for _, want := range sent {
		i := slices.IndexFunc(r.References, func(got Reference) bool { return got.URI == want.URI })
		if i < 0 {
			return fmt.Errorf("ebms: the receipt has no reference to %s (AS4-108)", want.URI)
		}
		got := r.References[i]
		if got.Method != want.Method || !bytes.Equal(got.Value, want.Value) {
			return fmt.Errorf("ebms: the receipt has another digest of %s (AS4-108)", want.URI)
		}
		if !slices.Equal(got.Transforms, want.Transforms) {
			return fmt.Errorf("ebms: the receipt has other transforms of %s (AS4-108)", want.URI)
		}
	}
	return nil
}
