// Package download fetches files over https for an operator: rule packs and lists of them. It asks public addresses
// only, which a Guard decides, and reads no more than it is told to.
package download

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ravn-ap/ravn/smp"
)

// Limits of a download.
const (
	maxRedirects   = 3 // SEC-112
	defaultTimeout = 10 * time.Minute
)

// Client fetches files.
type Client struct {
	Guard   *smp.Guard     // decides which addresses may be asked (SEC-111); nil means its zero value
	Roots   *x509.CertPool // CAs that are trusted; nil means the operating system's
	Timeout time.Duration  // for a whole file; 0 means ten minutes
}

// Get returns the file at an address if it has at most limit bytes. Redirects are followed three times, each to an
// address that is checked like the first.
func (c *Client) Get(ctx context.Context, address string, limit int64) ([]byte, error) {
	guard := c.Guard
	if guard == nil {
		guard = &smp.Guard{}
	}
	u, err := guard.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "https" {
		return nil, fmt.Errorf("download: %s: only https is fetched", u.Redacted())
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	client := guard.Client(c.Roots)
	client.CheckRedirect = redirect
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("download: %w", err)
	}
	b, err := readBody(resp, limit)
	if err != nil {
		return nil, fmt.Errorf("download: %s: %w", resp.Request.URL.Redacted(), err)
	}
	return b, nil
}

// redirect decides about each further request; the Guard decides about its address.
func redirect(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("more than %d redirects (SEC-112)", maxRedirects)
	case req.URL.Scheme != "https":
		return errors.New("a redirect away from https (SEC-112)")
	}
	return nil
}

// readBody returns the body of an answer if it has at most limit bytes.
func readBody(resp *http.Response, limit int64) (b []byte, err error) {
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s", resp.Status)
	}
	tooLarge := fmt.Errorf("the file is larger than %d MiB", limit>>20)
	if resp.ContentLength > limit {
		return nil, tooLarge
	}
	if b, err = io.ReadAll(io.LimitReader(resp.Body, limit+1)); err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, tooLarge
	}
	return b, nil
}
