// Package retryafter reads when a server that refuses for the moment wants to be asked again.
package retryafter

import (
	"net/http"
	"strconv"
	"time"
)

// Most is the longest time that is believed: what others ask for must not outlast our own plan (REL-023).
const Most = time.Hour

// Read returns the time of a Retry-After header: seconds, or a date (RFC 9110 §10.2.3). A date counts from the server's own
// Date, where it has one, because the two come from the same clock. What is missing, past or senseless is 0.
func Read(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		return min(time.Duration(n)*time.Second, Most)
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if sent, err := http.ParseTime(h.Get("Date")); err == nil {
		now = sent
	}
	return max(0, min(at.Sub(now), Most))
}
