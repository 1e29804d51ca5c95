// Package retryafter reads when a server that refuses for the moment wants to be asked again.
package retryafter

import (
	"net/http"
	"strconv"
	"time"
)

// Most is the longest wait that is accepted: others must not delay our own retry plan for longer (REL-023).
const Most = time.Hour

// Read returns the wait that a Retry-After header asks for, in seconds or as a date (RFC 9110 §10.2.3). A date is
// compared with the server's own Date header, if it has one, because the two come from the same clock. The result is 0
// if the header is missing, malformed or in the past.
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
