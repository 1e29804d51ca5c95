package smp

import (
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// sameSubject reports whether uid, the CertificateUID of a Redirect, is the subject of the certificate. Tools write the
// attributes of a name in different orders, so they are compared as a set, their types ignoring case, and their values
// as RFC 5280 does (DISC-084).
func sameSubject(uid string, c *x509.Certificate) bool {
	want, ok := parseName(uid)
	if !ok || len(want) == 0 {
		return false
	}
	got := make([]string, 0, len(want))
	for _, a := range c.Subject.Names {
		got = append(got, attribute(a.Type.String(), fmt.Sprint(a.Value)))
	}
	slices.Sort(got)
	slices.Sort(want)
	return slices.Equal(got, want)
}

// attributeTypes maps the various names of attribute types to one spelling.
var attributeTypes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.5": "SERIALNUMBER", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET",
	"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.17": "POSTALCODE", "2.5.4.97": "ORGANIZATIONIDENTIFIER",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID", "1.2.840.113549.1.9.1": "EMAILADDRESS",
	"S": "ST", "SP": "ST", "E": "EMAILADDRESS", "EMAIL": "EMAILADDRESS",
}

func attribute(kind, value string) string {
	kind = strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(kind)), "OID.")
	if name, ok := attributeTypes[kind]; ok {
		kind = name
	}
	return kind + "=" + prepared(value)
}

// prepared is the form in which RFC 5280 §7.1 compares the values of names: it ignores letter case, repeated spaces and
// different encodings of the same characters (RFC 4518).
func prepared(value string) string {
	folded := cases.Fold().String(norm.NFKC.String(value))
	return strings.Join(strings.Fields(norm.NFKC.String(folded)), " ")
}

// parseName splits a distinguished name in the text form of RFC 4514, or of its predecessors RFC 2253 and 1779, into
// attributes.
func parseName(s string) (list []string, ok bool) {
	for s != "" {
		kind, rest, found := strings.Cut(s, "=")
		if !found {
			return nil, false
		}
		value, after, fine := nameValue(strings.TrimLeft(rest, " "))
		if !fine || strings.TrimSpace(kind) == "" {
			return nil, false
		}
		list = append(list, attribute(kind, value))
		s = after
	}
	return list, true
}

// nameValue reads a value up to its separator and returns what follows. Quotes and backslashes protect separators; a
// backslash and two hex digits are one octet.
func nameValue(s string) (value, rest string, ok bool) {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+2 < len(s) && isHex(s[i+1:i+3]):
			octet, _ := hex.DecodeString(s[i+1 : i+3])
			b.WriteByte(octet[0])
			i += 2
		case c == '\\':
			if i++; i == len(s) {
				return "", "", false
			}
			b.WriteByte(s[i])
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == ';' || c == '+'):
			return b.String(), s[i+1:], i+1 < len(s)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}

func isHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil
}
