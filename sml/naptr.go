package sml

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// maxAliases is the longest chain of aliases that is followed (SEC-110).
const maxAliases = 8

// answer is what the zone says about one participant: a URL, or the reason why there is none.
type answer struct {
	url    *url.URL
	reason Reason
	err    error
	ttl    time.Duration // how long it may be cached; 0: not at all
}

// read returns the answer for name in m. An error means that m contains none.
func (r *Resolver) read(name string, m *dns.Msg) (answer, error) {
	owner, ttl, err := followAliases(name, m.Answer)
	if err != nil {
		return answer{}, err
	}
	var list []*dns.NAPTR
	for _, rr := range m.Answer {
		if n, ok := rr.(*dns.NAPTR); ok && n.Hdr.Class == dns.ClassINET && dns.CanonicalName(n.Hdr.Name) == owner {
			list, ttl = append(list, n), min(ttl, n.Hdr.Ttl)
		}
	}
	if len(list) == 0 || m.Rcode == dns.RcodeNameError {
		return absent(m, owner != dns.CanonicalName(name))
	}
	a := choose(list, r.Local)
	switch a.reason {
	case "":
		a.ttl = min(seconds(ttl), maxPositive)
	case NoService:
		a.ttl = min(seconds(ttl), maxNegative)
	}
	return a, nil
}

func seconds(ttl uint32) time.Duration { return time.Duration(ttl) * time.Second }

// absent reads an answer without NAPTR records. A referral, or an alias that a server without recursion did not follow,
// is not an answer: the server only points elsewhere.
func absent(m *dns.Msg, aliased bool) (answer, error) {
	a := answer{reason: NotRegistered}
	referral := false
	for _, rr := range m.Ns {
		switch rr := rr.(type) {
		case *dns.SOA:
			a.ttl = min(seconds(rr.Minttl), seconds(rr.Hdr.Ttl), maxNegative) // DISC-051
		case *dns.NS:
			referral = true
		}
	}
	if m.Rcode == dns.RcodeSuccess && a.ttl == 0 && (referral && !m.Authoritative || aliased && !m.RecursionAvailable) {
		return answer{}, errors.New("the server points elsewhere instead of answering")
	}
	return a, nil
}

// followAliases follows the CNAME and DNAME records in an answer from name to the owner of the data, and returns the
// owner and the lowest TTL on the way (DISC-046).
func followAliases(name string, list []dns.RR) (owner string, ttl uint32, err error) {
	owner, ttl = dns.CanonicalName(name), ^uint32(0)
	for range maxAliases {
		next, t, ok := alias(owner, list)
		if !ok {
			return owner, ttl, nil
		}
		owner, ttl = next, min(ttl, t)
	}
	if _, _, more := alias(owner, list); more {
		return "", 0, fmt.Errorf("more than %d aliases", maxAliases)
	}
	return owner, ttl, nil
}

// alias returns where owner points: by its CNAME or, if the server made none, by a DNAME above it.
func alias(owner string, list []dns.RR) (next string, ttl uint32, ok bool) {
	for _, rr := range list {
		if c, is := rr.(*dns.CNAME); is && dns.CanonicalName(c.Hdr.Name) == owner {
			return dns.CanonicalName(c.Target), c.Hdr.Ttl, true
		}
	}
	for _, rr := range list {
		d, is := rr.(*dns.DNAME)
		if !is {
			continue
		}
		if head, under := strings.CutSuffix(owner, "."+dns.CanonicalName(d.Hdr.Name)); under {
			return head + "." + dns.CanonicalName(d.Target), d.Hdr.Ttl, true
		}
	}
	return "", 0, false
}

// choose picks the SMP from NAPTR records. Records with other flags or services are ignored (DISC-038). Of the rest,
// the first one by order and preference that has a valid address counts (DISC-039).
func choose(list []*dns.NAPTR, local bool) answer {
	list = slices.DeleteFunc(slices.Clone(list), func(n *dns.NAPTR) bool {
		return !strings.EqualFold(n.Flags, "U") || !strings.EqualFold(n.Service, "Meta:SMP")
	})
	if len(list) == 0 {
		return answer{reason: NoService}
	}
	slices.SortFunc(list, func(a, b *dns.NAPTR) int { // by text at last, so that the result never depends on chance
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference),
			strings.Compare(a.Regexp, b.Regexp))
	})
	var failed []error
	for _, n := range list {
		u, err := address(n, local)
		if err == nil {
			return answer{url: u}
		}
		failed = append(failed, err)
	}
	return answer{reason: BadRecord, err: inOneLine(failed)}
}

// address reads the address in a U-NAPTR record of the SML.
func address(n *dns.NAPTR, local bool) (*url.URL, error) {
	if n.Replacement != "." && n.Replacement != "" {
		return nil, errors.New("the record has both a regular expression and a replacement (DISC-040)")
	}
	text, err := substitute(n.Regexp)
	if err != nil {
		return nil, err
	}
	return parseBase(text, local)
}

// substitute applies the regexp field "<d>pattern<d>replacement<d>flags" (DISC-040). No regular expression is
// evaluated: Peppol's two patterns match every name as a whole, so the result is the replacement (DISC-041, DISC-042).
// A back-reference, like any backslash, is refused (SEC-110).
func substitute(field string) (string, error) {
	if field == "" || strings.ContainsAny(field, "\\") || strings.ContainsAny(field[:1], "0123456789iI") {
		return "", errors.New("the regular expression is malformed or has a back-reference (DISC-040, SEC-110)")
	}
	part := strings.Split(field[1:], field[:1])
	if len(part) != 3 || part[2] != "" && part[2] != "i" {
		return "", errors.New("the regular expression does not consist of pattern, replacement and flags (DISC-040)")
	}
	if part[0] != ".*" && part[0] != "^.*$" {
		return "", errors.New("the pattern is neither .* nor ^.*$ (DISC-042)")
	}
	return part[1], nil
}

// parseBase reads the base URL of an SMP: https, port 443, any path, without user, query or fragment (DISC-043,
// DISC-045). In local, http and other ports are allowed as well (D-20). A slash at the end is removed (DISC-044).
func parseBase(text string, local bool) (*url.URL, error) {
	if strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, errors.New("the address has characters that a URL cannot have (DISC-043)")
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("the address is not a URL (DISC-043)")
	}
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !local):
		return nil, fmt.Errorf("the address has scheme %q instead of https (DISC-043)", u.Scheme)
	case u.Opaque != "" || u.Hostname() == "":
		return nil, errors.New("the address has no host (DISC-043)")
	case u.User != nil || strings.ContainsAny(text, "?#"):
		return nil, errors.New("the address has user information, a query or a fragment (DISC-043)")
	case !local && u.Port() != "" && u.Port() != "443" || strings.HasSuffix(u.Host, ":"):
		return nil, fmt.Errorf("the address has port %q instead of 443 (DISC-045)", u.Port())
	}
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	if u.Path != "" && (path.Clean(u.Path) != u.Path || u.Path == "/") {
		return nil, errors.New("the address has an unclean path (DISC-043)")
	}
	return u, nil
}
