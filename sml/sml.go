// Package sml finds the metadata publisher (SMP) of a Peppol participant in the DNS zone of the Service Metadata
// Locator:
//
//  1. hash the participant's value into a name under the zone;
//  2. ask for NAPTR records, by UDP, or by TCP if UDP fails;
//  3. follow aliases in the answer, pick the record of service Meta:SMP, and read the address in it.
//
// DNS proves nothing about a participant: what is found here must be confirmed by the signed metadata found there
// (DISC-053). A failure to get an answer is never reported as an answer (DISC-048).
package sml

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/ravn-ap/ravn/internal/ttl"
	"github.com/ravn-ap/ravn/peppol"
)

// Zones of the Service Metadata Locator since OpenPeppol operates it (discovery.md §0).
const (
	ZoneProduction = "participant.sml.prod.tech.peppol.org"
	ZoneTest       = "participant.sml.test.tech.peppol.org"
)

// DefaultTimeout is how long one try may take. There are at most three, see Resolver (DISC-047, SEC-110).
const DefaultTimeout = 5 * time.Second

// Limits of the cache (DISC-051).
const (
	maxPositive = 5 * time.Minute
	maxNegative = time.Minute
	maxEntries  = 10_000
)

// maxParallel is how many queries one Resolver makes at the same time: the servers of the zone throttle bursts
// (DISC-055).
const maxParallel = 10

// Resolver locates the SMP of participants. Its fields are set before first use; it may be used by several goroutines.
// A lookup tries UDP twice and then TCP; after a truncated answer it tries TCP at once. An absence is asked for twice.
type Resolver struct {
	Zone    string               // the SML zone; required
	Server  string               // host:port of the DNS server; "" means the servers of /etc/resolv.conf
	Local   bool                 // environment local: an SMP may have an http URL and any port (D-20)
	Timeout time.Duration        // of one try; 0 means DefaultTimeout
	Canary  peppol.ParticipantID // if set, nobody counts as absent unless this participant is found (DISC-049)
	Now     func() time.Time     // nil means time.Now
	Asked   func(time.Duration)  // told how long each question to a server took; may be nil

	once  sync.Once
	slots chan struct{}
	cache ttl.Map[string, answer] // by peppol.ParticipantID.Key
}

// Reason says why a participant could not be located (discovery.md §2.3).
type Reason string

// Reasons.
const (
	NotRegistered Reason = "participant-not-registered" // the zone has no such name, or no NAPTR record for it
	NoService     Reason = "no-matching-smp-service"    // the name has NAPTR records, but none for an SMP
	Technical     Reason = "dns-technical-failure"      // no usable answer: try again
	BadRecord     Reason = "sml-record-invalid"         // the record of the SMP is malformed or forbidden
)

// Error is a failed lookup.
type Error struct {
	Reason Reason
	Name   string // the domain name that was looked up
	Err    error  // nil if Reason says it all
}

func (e *Error) Error() string {
	s := fmt.Sprintf("sml: %s: %s", e.Reason, e.Name)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// NotRegistered reports whether the zone said clearly that there is no SMP for the participant (DISC-048).
func (e *Error) NotRegistered() bool { return e.Reason == NotRegistered || e.Reason == NoService }

// Temporary reports whether the same lookup may succeed soon (DISC-048).
func (e *Error) Temporary() bool { return e.Reason == Technical }

// Locate returns the base URL of the participant's SMP, without a trailing slash. An error is an *Error.
func (r *Resolver) Locate(ctx context.Context, p peppol.ParticipantID) (*url.URL, error) {
	if p.IsZero() || r.Zone == "" {
		return nil, &Error{Reason: Technical, Err: errors.New("no participant or no zone is given")}
	}
	a, err := r.lookup(ctx, p)
	if err != nil {
		return nil, err
	}
	if a.reason == NotRegistered && !p.Equal(r.Canary) {
		if err := r.checkCanary(ctx); err != nil {
			r.Forget(p)
			return nil, err
		}
	}
	if a.reason != "" {
		return nil, &Error{Reason: a.reason, Name: r.Name(p), Err: a.err}
	}
	u := *a.url // a copy, because the cache keeps a.url
	return &u, nil
}

// Forget drops what is cached for the participant, so that the next Locate asks the zone (DISC-051).
func (r *Resolver) Forget(p peppol.ParticipantID) {
	key := p.Key()
	r.cache.Drop(func(k string) bool { return k == key })
}

// encoding is Base32 without padding; the names come out in lower case (DISC-035).
var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Name returns the domain name of the participant, with a trailing dot so that no search list is applied (DISC-037).
// The hash covers only the lower-cased value, without the scheme (DISC-034), which is a label of its own (DISC-036).
// Only the hash of the value appears in the name, so that an identifier cannot inject DNS syntax (SEC-110).
func (r *Resolver) Name(p peppol.ParticipantID) string {
	sum := sha256.Sum256([]byte(p.Key()))
	return encoding.EncodeToString(sum[:]) + "." + p.Scheme() + "." + dns.Fqdn(strings.ToLower(r.Zone))
}

// lookup returns an answer from the cache or from DNS. An error means that there is none. The absence of a participant
// is final for the sender, so it must be confirmed by a second answer, from another server if there is one (DISC-048).
func (r *Resolver) lookup(ctx context.Context, p peppol.ParticipantID) (answer, error) {
	if a, ok := r.cache.Get(p.Key(), r.now()); ok {
		return a, nil
	}
	name := r.Name(p)
	a, err := r.query(ctx, name, 0)
	if err == nil && a.reason == NotRegistered {
		a, err = r.query(ctx, name, 1)
	}
	if err != nil {
		return answer{}, &Error{Reason: Technical, Name: name, Err: err}
	}
	now := r.now()
	r.cache.Put(p.Key(), a, now, now.Add(a.ttl), maxEntries)
	return a, nil
}

// query asks DNS, beginning with the server at index first.
func (r *Resolver) query(ctx context.Context, name string, first int) (answer, error) {
	m, err := r.ask(ctx, name, first)
	if err != nil {
		return answer{}, err
	}
	return r.read(name, m)
}

// checkCanary fails if the canary participant is not found either: then the zone has moved or is empty, and its answers
// mean nothing (DISC-049).
func (r *Resolver) checkCanary(ctx context.Context) error {
	if r.Canary.IsZero() {
		return nil
	}
	a, err := r.lookup(ctx, r.Canary)
	if err == nil && a.reason == "" {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("the canary participant %s is missing too: %s", r.Canary.Value(), a.reason)
	}
	return &Error{Reason: Technical, Name: r.Name(r.Canary), Err: err}
}

// acquire waits for a free slot (DISC-055).
func (r *Resolver) acquire(ctx context.Context) (release func(), err error) {
	r.once.Do(func() { r.slots = make(chan struct{}, maxParallel) })
	select {
	case r.slots <- struct{}{}:
		return func() { <-r.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Resolver) timeout() time.Duration {
	if r.Timeout == 0 {
		return DefaultTimeout
	}
	return r.Timeout
}

func (r *Resolver) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}
