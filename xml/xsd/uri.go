package xsd

import (
	"bytes"
	"net/netip"
	"strings"
)

// isURI reports whether v is a value of anyURI. XML Schema Part 2 §3.2.17 takes nearly everything: v must be a URI
// reference of RFC 2396 and 2732 once the characters that these do not have are escaped. What remains is a scheme that
// is none, an escape that is none, a second fragment, brackets outside of the places for them, and "//" with nothing
// behind it.
func isURI(v []byte) bool {
	if len(v) == 0 {
		return true
	}
	rest, hasScheme, ok := cutScheme(v)
	if !ok || !escapesValid(v) || string(rest) == "//" {
		return false
	}
	rest, fragment, _ := bytes.Cut(rest, []byte{'#'})
	if bytes.IndexByte(fragment, '#') >= 0 {
		return false
	}
	path, _, _ := bytes.Cut(rest, []byte{'?'})
	if hasScheme && len(path) > 0 && path[0] != '/' {
		return true // opaque: brackets are allowed
	}
	if after, ok := bytes.CutPrefix(path, []byte("//")); ok {
		authority, tail, _ := bytes.Cut(after, []byte{'/'})
		if isIPv6Authority(authority) {
			path = tail
		}
	}
	return !bytes.ContainsAny(path, "[]")
}

// cutScheme takes the scheme off v. ok is false if there is a colon where only a scheme can end and no scheme before
// it, or nothing behind it.
func cutScheme(v []byte) (rest []byte, has, ok bool) {
	colon := bytes.IndexByte(v, ':')
	if colon < 0 {
		return v, false, true
	}
	if colon == 0 {
		return nil, false, false
	}
	scheme := v[:colon]
	if bytes.ContainsAny(scheme, "/?#") {
		return v, false, true
	}
	for i, c := range scheme { // letters, then digits and + - . as well
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || strings.IndexByte("+-.", c) >= 0)) {
			return nil, false, false
		}
	}
	rest = v[colon+1:]
	return rest, true, len(rest) > 0 && rest[0] != '#'
}

func escapesValid(v []byte) bool {
	for i, c := range v {
		if c == '%' && (i+2 >= len(v) || !isHex(v[i+1:i+3])) {
			return false
		}
	}
	return true
}

// isIPv6Authority reports whether an authority's host is an IPv6 address in brackets.
func isIPv6Authority(v []byte) bool {
	if at := bytes.IndexByte(v, '@'); at >= 0 {
		if bytes.ContainsAny(v[:at], "[]") {
			return false
		}
		v = v[at+1:]
	}
	end := bytes.IndexByte(v, ']')
	if end < 0 || v[0] != '[' {
		return false
	}
	port := v[end+1:]
	if len(port) > 0 && (port[0] != ':' || digits(port[1:]) != len(port)-1) {
		return false
	}
	addr, err := netip.ParseAddr(string(v[1:end]))
	return err == nil && addr.Is6() && addr.Zone() == ""
}
