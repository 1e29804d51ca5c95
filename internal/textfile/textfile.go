// Package textfile reads text files as editors of other systems leave them: with a byte order mark, with lines that end
// in CR LF. Every reader of a text that people write goes through it: configuration, CSV, PEM, passwords, manifests.
package textfile

import (
	"bytes"
	"errors"
)

// ErrUTF16 means that a text is UTF-16, as some editors and shells of Windows write it.
var ErrUTF16 = errors.New("the file is UTF-16: save it as UTF-8")

// Clean returns a text without byte order mark and with lines that end in LF.
func Clean(text []byte) []byte {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if !bytes.Contains(text, []byte("\r\n")) {
		return text
	}
	return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
}

// UTF16 reports whether a text begins with a byte order mark of UTF-16.
func UTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte{0xff, 0xfe}) || bytes.HasPrefix(text, []byte{0xfe, 0xff})
}

// Password returns the password in the text of a password file: its first line. Blanks belong to it.
func Password(text []byte) (string, error) {
	if UTF16(text) {
		return "", ErrUTF16
	}
	line, _, _ := bytes.Cut(Clean(text), []byte("\n"))
	return string(bytes.TrimSuffix(line, []byte("\r"))), nil
}
