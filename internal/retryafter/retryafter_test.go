package retryafter

import (
	"net/http"
	"testing"
	"time"
)

// REL-023, REL-026: seconds and all three forms of a date.
func TestREL023Read(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		after, date string
		want        time.Duration
	}{
		{"17", "", 17 * time.Second},
		{"0", "", 0},
		{"100000", "", time.Hour},
		{"99999999999999999999", "", 0},
		{"Mon, 30 Nov 2026 10:02:00 GMT", "", 2 * time.Minute},
		{"Monday, 30-Nov-26 10:02:00 GMT", "", 2 * time.Minute},
		{"Mon Nov 30 10:02:00 2026", "", 2 * time.Minute},
		{"Mon, 30 Nov 2026 10:02:00 GMT", "Mon, 30 Nov 2026 10:01:30 GMT", 30 * time.Second}, // their clock is fast
		{"Mon, 30 Nov 2026 10:02:00 GMT", "soon", 2 * time.Minute},
		{"Tue, 01 Dec 2026 10:02:00 GMT", "", time.Hour},
		{"Mon, 30 Nov 2026 09:00:00 GMT", "", 0},
		{"-5", "", 0},
		{"tomorrow", "", 0},
		{"", "", 0},
	} {
		h := http.Header{}
		h.Set("Retry-After", tc.after)
		if tc.date != "" {
			h.Set("Date", tc.date)
		}
		if got := Read(h, now); got != tc.want {
			t.Errorf("Retry-After %q, Date %q: got %s, want %s", tc.after, tc.date, got, tc.want)
		}
	}
}
