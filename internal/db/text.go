package db

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrText means that a text cannot enter the record, because it is not UTF-8 or holds a NUL.
var ErrText = errors.New("db: text that is not UTF-8, or holds a NUL")

// CheckText tells whether a text can enter the record: PostgreSQL refuses what is not UTF-8, SQLite would keep it
// broken.
func CheckText(s string) error {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return nil
	}
	return fmt.Errorf("%w: %.40q", ErrText, s)
}

// checkTexts checks the texts among the arguments of a statement, so that both engines refuse the same.
func checkTexts(args []any) error {
	for _, a := range args {
		if s, ok := a.(string); ok {
			if err := CheckText(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxRemark bounds what is kept of a text that somebody else made, such as the reason of a failed attempt.
const maxRemark = 4000

// Remark makes a foreign text, of an answer or an error, fit for the record: such a text never keeps an outcome from
// being written.
func Remark(s string) string {
	if len(s) > maxRemark {
		s = s[:maxRemark]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// Micros is the stored form of a time.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros reads the stored form of a time.
func FromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// Until is the stored form of the end of a span; the zero time means no end.
func Until(t time.Time) int64 { return cmp.Or(Micros(t), math.MaxInt64) }
