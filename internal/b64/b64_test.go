package b64

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// SEC-025, SBDH-032. What is decoded, whatever the pieces it comes in, and what is refused.
func TestDecoder(t *testing.T) {
	for _, tc := range []struct {
		name, text, white, want string
		ok                      bool
	}{
		{"nothing", "", LineBreaks, "", true},
		{"no padding", "YWJj", "", "abc", true},
		{"padding", "YWI=", "", "ab", true},
		{"more padding", "YQ==", "", "a", true},
		{"lines", "YW\r\nJj\nYQ==\r\n", LineBreaks, "abca", true},
		{"blanks of XML", " YW\tJj ", XML, "abc", true},
		{"lines that are not allowed", "YW\r\nJj", "", "", false},
		{"blanks in MIME", "YW Jj", LineBreaks, "", false},
		{"the alphabet of URLs", "_-_-", LineBreaks, "", false},
		{"a sign of no alphabet", "YW*j", LineBreaks, "", false},
		{"padding left out", "YWI", LineBreaks, "", false},
		{"padding twice", "YQ==YQ==", LineBreaks, "", false},
		{"something behind the padding", "YQ==YWJj", LineBreaks, "", false},
		{"half a group behind the padding", "YQ==YQ", LineBreaks, "", false},
		{"bits left over", "YR==", LineBreaks, "", false},
		{"padding alone", "====", LineBreaks, "", false},
		{"padding inside", "Y=Jj", LineBreaks, "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for size := 1; size <= len(tc.text)+1; size++ {
				d := Decoder{White: tc.white}
				var out []byte
				var err error
				for rest := tc.text; rest != "" && err == nil; {
					n := min(size, len(rest))
					out, err = d.Append(out, []byte(rest[:n]))
					rest = rest[n:]
				}
				if err == nil {
					err = d.Close()
				}
				if (err == nil) != tc.ok || tc.ok && string(out) != tc.want {
					t.Errorf("in pieces of %d: %q, %v", size, out, err)
				}
			}
		})
	}
}

// FuzzDecoder: what is accepted is exactly what the standard library's strict decoder makes of it, and writes back the
// same but for the line breaks.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("YWJj\r\nYQ=="), 3)
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		d := Decoder{White: LineBreaks}
		var out []byte
		var err error
		for rest := text; len(rest) > 0 && err == nil; {
			n := min(max(size, 1), len(rest))
			out, err = d.Append(out, rest[:n])
			rest = rest[n:]
		}
		if err == nil {
			err = d.Close()
		}
		if err != nil {
			return
		}
		plain := strings.NewReplacer("\r", "", "\n", "").Replace(string(text))
		if want, err := base64.StdEncoding.Strict().DecodeString(plain); err != nil || !bytes.Equal(out, want) {
			t.Errorf("got %q, want %q, %v", out, want, err)
		}
		if base64.StdEncoding.EncodeToString(out) != plain {
			t.Errorf("%q has two forms", text)
		}
	})
}
