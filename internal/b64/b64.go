// Package b64 decodes base64 as it streams by, strictly: no character outside of the alphabet but the white space that
// its user allows, no bits left over, nothing behind the padding, no group that is cut short. What two readers could
// decode to different octets is refused.
package b64

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
)

// White space that may be allowed.
const (
	LineBreaks = "\r\n"    // MIME (RFC 2045 §6.8)
	XML        = " \t\r\n" // xs:base64Binary
)

// Err is the error of everything that is not base64.
var Err = errors.New("b64: not base64")

// Decoder decodes one text. Its zero value allows no white space.
type Decoder struct {
	White  string // characters that are passed over
	rest   []byte // less than a group, not decoded yet
	padded bool   // a padded group was decoded: nothing may follow
}

// Append decodes the next piece of the text and appends the octets to dst.
func (d *Decoder) Append(dst, text []byte) ([]byte, error) {
	for _, c := range text {
		if strings.IndexByte(d.White, c) < 0 {
			d.rest = append(d.rest, c)
		}
	}
	whole := len(d.rest) / 4 * 4
	if whole == 0 {
		return dst, nil
	}
	if d.padded {
		return dst, Err
	}
	dst = slices.Grow(dst, whole/4*3)
	n, err := base64.StdEncoding.Strict().Decode(dst[len(dst):cap(dst)], d.rest[:whole])
	if err != nil || bytes.ContainsAny(d.rest[:whole], "\r\n") { // which Decode would pass over
		return dst, Err
	}
	d.padded = n < whole/4*3
	d.rest = append(d.rest[:0], d.rest[whole:]...)
	return dst[:len(dst)+n], nil
}

// Close tells whether the text is complete.
func (d *Decoder) Close() error {
	if len(d.rest) > 0 {
		return Err
	}
	return nil
}
