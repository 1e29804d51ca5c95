package documents

import (
	"testing"

	"github.com/ravn-ap/ravn/internal/store"
)

// AS4-107. The evidence folder has the envelope of a receipt, whatever it came in.
func TestAS4107ReceiptOf(t *testing.T) {
	const soap = "<a>NonRepudiationInformation</a>"
	for name, e := range map[string]store.Evidence{
		"alone": {ContentType: "application/soap+xml", Bytes: []byte(soap)},
		"a multipart": {
			ContentType: "multipart/related; boundary=B",
			Bytes:       []byte("--B\n\n<b/>\n--B\n\n" + soap + "\n--B--"),
		},
		"without a type": {Bytes: []byte("\r\n" + soap)},
	} {
		if got := receiptOf(e); string(got) != soap {
			t.Errorf("%s: %q", name, got)
		}
	}
}
