package ap

import (
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/config"
)

// An attempt must end before its lease does, whatever is configured: else another worker sends the message again
// meanwhile.
func TestSendTimeoutFitsTheLease(t *testing.T) {
	b, ok := config.BoundOf("send.timeout")
	if room := sendLease - time.Duration(b.Max); !ok || room < time.Minute {
		t.Errorf("%v are left for looking up, sealing and recording", room)
	}
}
