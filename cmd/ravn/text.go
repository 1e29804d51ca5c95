package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/ravn-ap/ravn/internal/textfile"
)

// maxText bounds a file of customers or participants, generously: a million lines take a tenth of it.
const maxText = 1 << 30

// readText reads a file that people made and whose texts enter the record, or in if the name is "-". If it is not
// UTF-8, the error gives the line and column.
func readText(name string, in io.Reader) ([]byte, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxText+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxText {
		return nil, errors.New("it is larger than 1 GiB")
	}
	return textfile.Clean(b), checkText(b)
}

// checkText returns an error for the first place that is not UTF-8 or is a NUL, which the record cannot contain.
func checkText(b []byte) error {
	if textfile.UTF16(b) {
		return errors.New("line 1: it is UTF-16: save it as CSV UTF-8")
	}
	line, column := 1, 1
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			return fmt.Errorf(
				"line %d column %d: the byte 0x%02X is not UTF-8; if the file comes from Excel, save it as CSV UTF-8",
				line, column, b[0])
		case r == 0:
			return fmt.Errorf("line %d column %d: a NUL character is not allowed", line, column)
		case r == '\n':
			line, column = line+1, 0
		}
		b, column = b[n:], column+1
	}
	return nil
}

// count is a number with its noun: 1 entry, 2 entries.
func count[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
