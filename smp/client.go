package smp

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/ttl"
	"github.com/ravn-ap/ravn/peppol"
)

// Limits (DISC-052, DISC-068, SEC-113).
const (
	DefaultTTL     = 15 * time.Minute
	DefaultTimeout = 10 * time.Second // of one GET
	maxLookup      = time.Minute      // of a whole lookup
	maxBody        = 1 << 20
	maxCached      = 1000
)

// Locator finds the base URL of a participant's SMP; *sml.Resolver implements it. An error may have methods
// NotRegistered() bool and Temporary() bool that say what it means; one without them counts as temporary. If the
// Locator has a method Forget(peppol.ParticipantID) as well, it is called before a lookup is repeated because its
// result was unusable (DISC-051).
type Locator interface {
	Locate(ctx context.Context, p peppol.ParticipantID) (*url.URL, error)
}

// Client looks up endpoints. Its fields are set before first use; it may be used by several goroutines.
type Client struct {
	Locator Locator          // required
	Trust   *certs.Verifier  // decides who may sign metadata; required
	Guard   *Guard           // decides which URLs of SMPs and endpoints may be used; nil means the zero Guard
	HTTP    *http.Client     // nil means Guard.Client(nil); its redirect policy is ignored
	Timeout time.Duration    // of one GET; 0 means DefaultTimeout
	TTL     time.Duration    // how long verified metadata are cached; 0 means DefaultTTL, which is also the maximum
	Now     func() time.Time // nil means time.Now

	// OldCanonicalization also accepts exclusive canonicalization, which SMPs had to stop using in 2022 (DISC-086).
	OldCanonicalization bool

	once   sync.Once
	http   *http.Client
	guard  *Guard
	cache  ttl.Map[cacheKey, *metadata] // verified metadata
	flight flight
}

// Endpoint finds where to send a document of type d in process p to receiver r. An error is an *Error.
func (c *Client) Endpoint(ctx context.Context, r peppol.ParticipantID, d peppol.DocTypeID,
	p peppol.ProcessID,
) (*Endpoint, error) {
	c.once.Do(c.init)
	m, err := c.metadata(ctx, r, d)
	if err != nil {
		return nil, err
	}
	e, err := c.choose(m, p)
	if err != nil && m.cached { // the metadata may have changed since (DISC-052)
		c.drop(r, d)
		if m, err = c.metadata(ctx, r, d); err != nil {
			return nil, err
		}
		e, err = c.choose(m, p)
	}
	if e != nil {
		e.Cached = m.cached
	}
	return e, err
}

// Forget drops what is cached for a receiver and a document type. A sender calls it if the endpoint says that it does
// not serve them (AS4-125).
func (c *Client) Forget(r peppol.ParticipantID, d peppol.DocTypeID) {
	c.drop(r, d)
	c.forgetLocation(r)
}

// Lookup returns what the participant's SMP lists for it, bypassing the cache. An error is an *Error.
func (c *Client) Lookup(ctx context.Context, r peppol.ParticipantID) (*Group, error) {
	c.once.Do(c.init)
	base, err := c.locate(ctx, r)
	if err != nil {
		return nil, err
	}
	return c.group(ctx, base, r)
}

func (c *Client) init() {
	if c.guard = c.Guard; c.guard == nil {
		c.guard = &Guard{}
	}
	h := c.HTTP
	if h == nil {
		h = c.guard.Client(nil)
	}
	own := *h
	own.CheckRedirect = noRedirect // DISC-066
	c.http = &own
}

// metadata returns verified metadata for documents of type d, cached or fetched. Callers that want the same at the same
// time share one lookup.
func (c *Client) metadata(ctx context.Context, r peppol.ParticipantID, d peppol.DocTypeID) (*metadata, error) {
	m, err := c.flight.share(ctx, r.Value()+" "+d.String(), func(ctx context.Context) (*metadata, error) {
		ctx, cancel := context.WithTimeout(ctx, maxLookup)
		defer cancel()
		return c.load(ctx, r, d)
	})
	if e := (*Error)(nil); err != nil && !errors.As(err, &e) {
		err = fail(Unavailable, "DISC-050", "the lookup was cancelled", err)
	}
	return m, err
}

// load locates the SMP and gets the metadata from it. If that fails in a way that may not happen with another SMP, it
// asks the zone again, because the participant may have moved, and tries once more (DISC-051).
func (c *Client) load(ctx context.Context, r peppol.ParticipantID, d peppol.DocTypeID) (*metadata, error) {
	base, err := c.locate(ctx, r)
	if err != nil {
		return nil, err
	}
	m, err := c.at(ctx, base, r, d)
	if e := (*Error)(nil); !errors.As(err, &e) || e.Kind == Invalid || ctx.Err() != nil || !c.forgetLocation(r) {
		return m, err
	}
	again, lerr := c.locate(ctx, r)
	if lerr != nil || *again == *base {
		return nil, err
	}
	return c.at(ctx, again, r, d)
}

// locate asks the Locator.
func (c *Client) locate(ctx context.Context, r peppol.ParticipantID) (*url.URL, error) {
	base, err := c.Locator.Locate(ctx, r)
	if err == nil {
		if err = c.guard.Check(base); err != nil {
			return nil, fail(Forbidden, "SEC-111", "the address of the SMP is not allowed", err)
		}
		return base, nil
	}
	var told interface {
		NotRegistered() bool
		Temporary() bool
	}
	switch {
	case !errors.As(err, &told) || told.Temporary():
		return nil, fail(DNSFailure, "DISC-048", "the SML gave no answer", err)
	case told.NotRegistered():
		return nil, fail(NoParticipant, "DISC-048", r.Value()+" is not registered in the SML", err)
	}
	return nil, fail(BadSMLRecord, "DISC-042", "the record in the SML is not usable", err)
}

// forgetLocation makes the Locator ask again. It returns false if the Locator cannot do that.
func (c *Client) forgetLocation(r peppol.ParticipantID) bool {
	f, ok := c.Locator.(interface{ Forget(peppol.ParticipantID) })
	if ok {
		f.Forget(r)
	}
	return ok
}

// cacheKey identifies verified metadata. The base URL of the SMP is part of it, so that nothing outdated is found for a
// participant that has moved (DISC-052).
type cacheKey struct {
	base        string
	participant string // peppol.ParticipantID.Key
	doctype     peppol.DocTypeID
}

// drop removes what is cached for a participant and a document type, from whichever SMP.
func (c *Client) drop(r peppol.ParticipantID, d peppol.DocTypeID) {
	participant := r.Key()
	c.cache.Drop(func(k cacheKey) bool { return k.participant == participant && k.doctype == d })
}

// at gets the metadata from the SMP at base. For a wildcard type it asks for each identifier that may be registered,
// best match first. After 404 it tries the next one; any other failure ends the search, because otherwise a worse match
// could win (DISC-023, DISC-025).
func (c *Client) at(ctx context.Context, base *url.URL, r peppol.ParticipantID, d peppol.DocTypeID) (*metadata, error) {
	key := cacheKey{base.String(), r.Key(), d}
	if m, ok := c.cache.Get(key, c.now()); ok {
		again := *m
		again.cached = true
		return &again, nil
	}
	for _, candidate := range d.Candidates() { // all have the scheme of d (DISC-026)
		m, err := c.fetch(ctx, base, r, candidate)
		if errors.Is(err, errNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		now := c.now()
		c.cache.Put(key, m, now, m.until(now, now.Add(c.ttl())), maxCached)
		return m, nil
	}
	// DISC-067: an SMP that does not know the participant at all is a different error from a missing document type.
	if _, err := c.group(ctx, base, r); errors.Is(err, errNotFound) {
		return nil, err
	}
	return nil, fail(NoDocType, "DISC-067", r.Value()+" does not receive "+d.String(), nil)
}

// fetch gets, verifies and reads the metadata of one registered document type.
func (c *Client) fetch(ctx context.Context, base *url.URL, r peppol.ParticipantID,
	registered peppol.DocTypeID,
) (*metadata, error) {
	body, err := c.getSpelled(ctx, r, func(p string) *url.URL { return serviceURL(base, p, registered) })
	if err != nil {
		return nil, err
	}
	s, err := c.verify(ctx, body)
	if err != nil {
		return nil, err
	}
	smp := base.String()
	if red, ok := s.redirect(); ok {
		if s, smp, err = c.follow(ctx, red, r); err != nil {
			return nil, err
		}
	}
	m, err := s.read(r, registered)
	if err != nil {
		return nil, err
	}
	m.smp = smp
	return m, nil
}

// follow gets the metadata that a verified Redirect points to. They are verified in turn, must be signed by the signer
// that the Redirect names, and must not redirect again (DISC-081 to DISC-084).
func (c *Client) follow(ctx context.Context, red redirect, r peppol.ParticipantID) (*signed, string, error) {
	// A complete URL, on any host (DISC-082). It has no use for a fragment: a "#" belongs to an identifier that
	// somebody did not encode, as in references.
	u, err := c.guard.Parse(strings.ReplaceAll(red.href, "#", "%23"))
	if err != nil {
		return nil, "", fail(Forbidden, "DISC-082", "the address in the Redirect is not allowed", err)
	}
	body, err := c.get(ctx, respelled(u, r, canonical(r)))
	if errors.Is(err, errNotFound) && respelled(u, r, canonical(r)).String() != u.String() {
		body, err = c.get(ctx, u) // in the spelling of the Redirect
	}
	if errors.Is(err, errNotFound) {
		// Not errNotFound, which would make the wildcard search go on.
		return nil, "", fail(BadResponse, "DISC-081", "the Redirect leads to nothing", nil)
	}
	if err != nil {
		return nil, "", err
	}
	s, err := c.verify(ctx, body)
	if err != nil {
		return nil, "", err
	}
	if _, again := s.redirect(); again {
		return nil, "", fail(SecondRedirect, "DISC-081", "a Redirect leads to another Redirect", nil)
	}
	if !sameSubject(red.uid, s.signer) {
		return nil, "", fail(RedirectSigner, "DISC-084",
			"the Redirect names another signer than "+certs.Subject(s.signer), nil)
	}
	return s, u.Scheme + "://" + u.Host, nil
}

// until returns how long m may be cached, at most until limit: not beyond the expiry of an endpoint, of a certificate
// in it, or of the signer's certificate (DISC-052). What has expired already is never used, so it does not matter here.
func (m *metadata) until(now, limit time.Time) time.Time {
	ends := []time.Time{m.signer.NotAfter}
	for _, p := range m.processes {
		for _, e := range p.endpoints {
			ends = append(ends, e.until, notAfter(e.cert))
		}
	}
	for _, end := range ends {
		if end.After(now) && end.Before(limit) {
			limit = end
		}
	}
	return limit
}

func notAfter(c *x509.Certificate) time.Time {
	if c == nil {
		return time.Time{}
	}
	return c.NotAfter
}

func (c *Client) ttl() time.Duration {
	if c.TTL == 0 || c.TTL > DefaultTTL {
		return DefaultTTL
	}
	return c.TTL
}

func (c *Client) timeout() time.Duration {
	if c.Timeout == 0 {
		return DefaultTimeout
	}
	return c.Timeout
}

func (c *Client) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}
