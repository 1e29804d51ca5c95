package as4

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	stdmime "mime"
	"mime/quotedprintable"
	"net/http"
	"strings"

	"github.com/ravn-ap/ravn/as4/mime"
	"github.com/ravn-ap/ravn/internal/retryafter"
	"github.com/ravn-ap/ravn/xml/safe"
)

// How answers come in the field: as text/xml or text/html, without Content-Type, as a multipart without type, with LF
// line ends, in several parts. None of it says anything about a receipt: its signature, its digests and what it refers
// to decide (AS4-107 in design.md §3). So an answer is searched for envelopes; requests are read strictly (package
// mime).

// Envelopes returns the XML documents of an answer, in UTF-8 and without declaration: the body itself, or what stands
// between its delimiters.
func Envelopes(contentType []string, body []byte) (list [][]byte) {
	if doc := document(body); doc != nil {
		return [][]byte{doc}
	}
	for _, p := range between(body, boundaryOf(contentType, body)) {
		head, content := cutHead(p)
		doc := document(content)
		if doc == nil {
			doc = document(unpack(head, content))
		}
		if doc != nil {
			list = append(list, doc)
		}
	}
	return list
}

// document returns what b is if it is an XML document, but no page for people.
func document(b []byte) []byte {
	text := bytes.Trim(bytes.TrimPrefix(b, []byte("\ufeff")), " \t\r\n")
	if len(text) > 1 && (text[0] >= 0xfe || text[0] == 0 || text[1] == 0) { // UTF-16
		text = b
	}
	if r, err := safe.UTF8(bytes.NewReader(text)); err == nil {
		if recoded, err := io.ReadAll(r); err == nil {
			text = recoded
		}
	}
	if bytes.HasPrefix(text, []byte("<?xml")) {
		_, rest, _ := bytes.Cut(text, []byte("?>"))
		text = bytes.TrimLeft(rest, " \t\r\n")
	}
	if !bytes.HasPrefix(text, []byte("<")) || isPage(text) {
		return nil
	}
	return text
}

// isPage tells whether a text is an HTML page.
func isPage(text []byte) bool {
	start := bytes.ToLower(bytes.TrimLeft(text[:min(len(text), 1<<10)], " \t\r\n"))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

// boundaryOf finds the boundary of an answer: that of its Content-Type if the body uses it, else the first line that
// looks like a delimiter. It is "" if there is none.
func boundaryOf(contentType []string, body []byte) string {
	if len(contentType) > 0 {
		_, params, err := stdmime.ParseMediaType(contentType[0])
		if b := params["boundary"]; err == nil && b != "" && bytes.Contains(body, []byte("--"+b)) {
			return b
		}
	}
	for line := range bytes.Lines(body[:min(len(body), 4<<10)]) {
		if b, ok := bytes.CutPrefix(bytes.TrimRight(line, " \t\r\n"), []byte("--")); ok && len(b) > 0 {
			return string(b)
		}
	}
	return ""
}

// between returns what stands between the delimiters, whatever ends their lines.
func between(body []byte, boundary string) (parts [][]byte) {
	if boundary == "" {
		return nil
	}
	delimiter := []byte("\n--" + boundary)
	rest := append([]byte("\n"), body...)
	for len(parts) < mime.MaxParts {
		_, after, found := bytes.Cut(rest, delimiter)
		if !found || bytes.HasPrefix(after, []byte("--")) {
			return parts
		}
		part, _, _ := bytes.Cut(after, delimiter)
		parts, rest = append(parts, part), after
	}
	return parts
}

// cutHead parts the header lines of a part from its content.
func cutHead(part []byte) (head, content []byte) {
	crlf, lf := bytes.Index(part, []byte("\r\n\r\n")), bytes.Index(part, []byte("\n\n"))
	switch {
	case crlf >= 0 && (lf < 0 || crlf < lf):
		return part[:crlf], part[crlf+4:]
	case lf >= 0:
		return part[:lf], part[lf+2:]
	}
	return nil, part
}

// unpack undoes the transfer encoding that the header of a part names, if it is one and the content is in it.
func unpack(head, content []byte) []byte {
	for line := range bytes.Lines(head) {
		name, value, _ := strings.Cut(string(line), ":")
		if !strings.EqualFold(name, "Content-Transfer-Encoding") {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(value)) {
		case "base64":
			out, _ := base64.StdEncoding.DecodeString(string(bytes.Trim(content, " \t\r\n")))
			return out
		case "quoted-printable":
			out, _ := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(content)))
			return out
		}
	}
	return nil
}

// noSignal says what an answer without an envelope is (AS4-118, AS4-120).
func noSignal(status int, body []byte) error {
	page := isPage(body)
	switch {
	case status >= 300 && status < 400:
		return errors.New("the address points elsewhere; AS4 follows no redirect")
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return errors.New("a firewall or proxy before the access point does not let us in")
	case status == http.StatusNotFound:
		return errors.New("there is no AS4 endpoint at this address")
	case status == http.StatusMethodNotAllowed:
		return errors.New("what is at this address takes no POST: it is no AS4 endpoint")
	case status == http.StatusRequestEntityTooLarge:
		return errors.New("the message is larger than the other access point takes")
	case status == http.StatusServiceUnavailable && page:
		return errors.New("a proxy answered with a page: the access point behind it does not run, or cannot be reached")
	case page:
		return errors.New("an HTML page instead of an answer: a proxy, firewall or load balancer wrote it")
	case len(bytes.TrimSpace(body)) == 0:
		return errors.New("the answer is empty")
	}
	return fmt.Errorf("there is no SOAP in the answer, which begins with %.80q", body)
}

// statusError classifies an answer without signal by its HTTP status (AS4-118, AS4-120, AS4-124, REL-023).
func (s *Sender) statusError(res *http.Response, ev *Evidence, err error) *SendError {
	e := &SendError{Outcome: Unknown, HTTPStatus: res.StatusCode, Err: err}
	if len(ev.Body) > 0 {
		e.Answer = ev
	}
	switch c := res.StatusCode; {
	case c == http.StatusRequestEntityTooLarge:
		e.Outcome = Refused // design.md §3: it will not become smaller
	case c == http.StatusRequestTimeout, c == http.StatusTooEarly,
		c == http.StatusTooManyRequests, c == http.StatusServiceUnavailable:
		e.Outcome, e.RetryAfter = Later, retryafter.Read(res.Header, s.now())
	case c >= 300 && c < 500:
		e.Outcome = TurnedAway
	}
	return e
}
