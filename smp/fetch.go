package smp

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/retryafter"
	"github.com/ravn-ap/ravn/peppol"
)

// errNotFound is an SMP's 404.
var errNotFound = errors.New("smp: not found")

// groupURL returns {base}/{participant} (DISC-063).
func groupURL(base *url.URL, participant string) *url.URL {
	return base.JoinPath(segment(participant))
}

// serviceURL returns {base}/{participant}/services/{document type} (DISC-063).
func serviceURL(base *url.URL, participant string, d peppol.DocTypeID) *url.URL {
	return base.JoinPath(segment(participant), "services", segment(d.String()))
}

// canonical is the spelling of a participant that SMPs are asked for. Letter case does not distinguish participants
// (DISC-003), but many SMPs store identifiers in lower case and compare them octet by octet.
func canonical(r peppol.ParticipantID) string { return r.Scheme() + "::" + r.Key() }

// getSpelled fetches a resource of a participant under the canonical spelling. If the SMP answers 404, it tries the
// spelling that the caller gave once, because some SMPs store identifiers as they were registered. address makes the
// URL for a spelling.
func (c *Client) getSpelled(
	ctx context.Context, r peppol.ParticipantID, address func(participant string) *url.URL,
) ([]byte, error) {
	u := address(canonical(r))
	body, err := c.get(ctx, u)
	if !errors.Is(err, errNotFound) {
		return body, err
	}
	given := address(r.String())
	if given.String() == u.String() {
		return nil, err
	}
	return c.get(ctx, given)
}

// respelled returns u with another spelling of the participant in those sections of the path that name it.
func respelled(u *url.URL, r peppol.ParticipantID, spelling string) *url.URL {
	sections := strings.Split(u.EscapedPath(), "/")
	for i, s := range sections {
		if id, err := url.PathUnescape(s); err == nil && strings.EqualFold(id, r.String()) {
			sections[i] = segment(spelling)
		}
	}
	own := *u
	own.RawPath = strings.Join(sections, "/")
	if path, err := url.PathUnescape(own.RawPath); err == nil {
		own.Path = path
	}
	return &own
}

// segment encodes one section of a path: every octet except the unreserved ones (DISC-031, DISC-032). PathEscape would
// leave ":" as it is. QueryEscape would write a space as "+", but identifiers have none.
func segment(id string) string { return url.QueryEscape(id) }

// get fetches one resource, within Timeout and maxBody. A 404 is errNotFound.
func (c *Client) get(ctx context.Context, u *url.URL) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	if err := c.guard.Check(u); err != nil {
		return nil, fail(Forbidden, "SEC-111", "the address of the SMP is not allowed", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fail(BadResponse, "DISC-082", "the address is not a URL", err)
	}
	req.Header.Set("Accept", "application/xml, text/xml") // DISC-064
	req.Header.Set("Accept-Encoding", "identity")         // SEC-113
	resp, err := c.http.Do(req)
	if err != nil {
		if forbidden := (*ForbiddenError)(nil); errors.As(err, &forbidden) {
			return nil, fail(Forbidden, "SEC-111", "the SMP lies at an address that is not allowed", err)
		}
		return nil, fail(Unavailable, "DISC-050", "the SMP cannot be reached", err)
	}
	defer resp.Body.Close()
	if err := checkStatus(resp, c.now()); err != nil {
		return nil, err
	}
	body, err := readBody(resp)
	switch {
	case err != nil:
		return nil, fail(Unavailable, "DISC-050", "the SMP's answer broke off, or its content coding cannot be read",
			err)
	case len(body) > maxBody:
		return nil, fail(BadResponse, "SEC-113", "the SMP's answer is longer than 1 MiB", nil)
	case isHTML(resp.Header.Get("Content-Type"), body):
		return nil, fail(HTTPStatus, "DISC-067", "the SMP answers with a web page", nil)
	}
	return body, nil
}

// checkStatus says what a status means. Only 404 says something about the resource; every other one, including an HTTP
// redirect, means that the SMP does not work as it should (DISC-065 to DISC-067).
func checkStatus(resp *http.Response, now time.Time) error {
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusNotFound:
		return errNotFound
	}
	e := fail(HTTPStatus, "DISC-067", fmt.Sprintf("the SMP answers with HTTP status %d", resp.StatusCode), nil)
	e.RetryAfter = retryafter.Read(resp.Header, now)
	return e
}

// readBody reads an answer, at most one octet more than maxBody. We ask for no content coding, but some SMPs, or
// proxies in front of them, compress nevertheless. gzip is decoded, within the same limit; any other coding is an error
// (SEC-113).
func readBody(resp *http.Response) ([]byte, error) {
	in := bufio.NewReader(io.LimitReader(resp.Body, maxBody+1)) // empty gzip members would give nothing, for ever
	body := io.Reader(in)
	magic, _ := in.Peek(2) // gzip that is not declared; XML never begins with these octets
	coding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding")))
	switch {
	case coding == "gzip", coding == "x-gzip", bytes.Equal(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, err
		}
		body = z
	case coding != "" && coding != "identity":
		return nil, fmt.Errorf("content coding %.40q", coding)
	}
	return io.ReadAll(io.LimitReader(body, maxBody+1))
}

// isHTML recognises the error pages that proxies and load balancers send with status 200. The content type of real
// answers is not checked (DISC-064).
func isHTML(contentType string, body []byte) bool {
	if t, _, err := mime.ParseMediaType(contentType); err == nil && t == "text/html" {
		return true
	}
	head := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 512)]))
	return bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html"))
}

// group gets the ServiceGroup. If the SMP does not know the participant, the error wraps errNotFound.
func (c *Client) group(ctx context.Context, base *url.URL, r peppol.ParticipantID) (*Group, error) {
	body, err := c.getSpelled(ctx, r, func(p string) *url.URL { return groupURL(base, p) })
	if errors.Is(err, errNotFound) {
		return nil, fail(UnknownToSMP, "DISC-067", "the SMP does not know "+r.Value()+", although the SML says so", err)
	}
	if err != nil {
		return nil, err
	}
	g, err := readGroup(body, r)
	if err != nil {
		return nil, err
	}
	g.SMP = base.String()
	return g, nil
}

// docTypeOf reads the document type from a reference in a ServiceGroup, whatever its host (DISC-069, DISC-070).
// References in the field are percent-encoded once, twice or not at all, and may end with a query or a slash.
func docTypeOf(href string, r peppol.ParticipantID) (peppol.DocTypeID, bool) {
	href, _, _ = strings.Cut(href, "?") // one that belongs to an identifier is encoded
	for range 2 {
		decoded, err := url.PathUnescape(href)
		if err != nil {
			break
		}
		if d, ok := docTypeBehind(decoded, r); ok {
			return d, true
		}
		href = decoded
	}
	return peppol.DocTypeID{}, false
}

// docTypeBehind reads the document type from a decoded reference, after the participant and "/services/".
func docTypeBehind(path string, r peppol.ParticipantID) (peppol.DocTypeID, bool) {
	const services = "/services/"
	for i := 0; ; {
		j := strings.Index(path[i:], services)
		if j < 0 {
			return peppol.DocTypeID{}, false
		}
		owner, id := path[:i+j], strings.TrimRight(path[i+j+len(services):], "/")
		i += j + 1
		if !strings.EqualFold(owner[strings.LastIndexByte(owner, '/')+1:], r.String()) {
			continue
		}
		scheme, value, _ := strings.Cut(id, "::")
		d, err := peppol.ParseRegisteredDocType(scheme, value)
		return d, err == nil
	}
}
