package smp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/ravn-ap/ravn/peppol"
)

// errNotFound is an SMP's 404.
var errNotFound = errors.New("smp: not found")

// groupURL returns {base}/{participant} (DISC-063).
func groupURL(base *url.URL, r peppol.ParticipantID) *url.URL {
	return base.JoinPath(segment(r.String()))
}

// serviceURL returns {base}/{participant}/services/{document type} (DISC-063).
func serviceURL(base *url.URL, r peppol.ParticipantID, d peppol.DocTypeID) *url.URL {
	return base.JoinPath(segment(r.String()), "services", segment(d.String()))
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
	if err := checkStatus(resp.StatusCode); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, fail(Unavailable, "DISC-050", "the SMP's answer broke off", err)
	case len(body) > maxBody:
		return nil, fail(BadResponse, "SEC-113", "the SMP's answer is longer than 1 MiB", nil)
	case isHTML(resp.Header.Get("Content-Type"), body):
		return nil, fail(HTTPStatus, "DISC-067", "the SMP answers with a web page", nil)
	}
	return body, nil
}

// checkStatus says what a status means. Only 404 says something about the resource; every other one, including an HTTP
// redirect, means that the SMP does not work as it should (DISC-065 to DISC-067).
func checkStatus(status int) error {
	switch status {
	case http.StatusOK:
		return nil
	case http.StatusNotFound:
		return errNotFound
	}
	return fail(HTTPStatus, "DISC-067", fmt.Sprintf("the SMP answers with HTTP status %d", status), nil)
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
	body, err := c.get(ctx, groupURL(base, r))
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
func docTypeOf(href string, r peppol.ParticipantID) (peppol.DocTypeID, bool) {
	const services = "/services/"
	i := strings.LastIndex(href, services)
	if i < 0 {
		return peppol.DocTypeID{}, false
	}
	owner, err := url.PathUnescape(href[strings.LastIndexByte(href[:i], '/')+1 : i])
	if err != nil || !strings.EqualFold(owner, r.String()) {
		return peppol.DocTypeID{}, false
	}
	id, err := url.PathUnescape(href[i+len(services):])
	if err != nil {
		return peppol.DocTypeID{}, false
	}
	scheme, value, _ := strings.Cut(id, "::")
	d, err := peppol.ParseRegisteredDocType(scheme, value)
	return d, err == nil
}
