package fault

import (
	"context"
	"crypto/x509"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the standard library says is said in words; what is plain already, file names too, stays as it is.
func TestPlain(t *testing.T) {
	_, missing := os.Open("/no where/at all.http")
	_, folder := os.ReadFile("/")
	_, number := strconv.Atoi("many")
	_, der := x509.ParseCertificate([]byte("x"))
	_, quote := csv.NewReader(strings.NewReader("a\n\"b")).ReadAll()
	_, duration := time.ParseDuration("5 parsecs")
	for _, tc := range []struct {
		err  error
		want string
	}{
		{missing, "/no where/at all.http does not exist"},
		{folder, "/: it is a folder, not a file"},
		{number, `"many" is not a number`},
		{fmt.Errorf("certs: %w", der), "certs: the bytes are no certificate or key in DER form"},
		{quote, "line 2 column 3: a quotation mark is missing or one too many"},
		{duration, `"5 parsecs" is no duration like 30s or 5m`},
		{json.Unmarshal([]byte("{"), new(int)), "the JSON ends too early"},
		{json.Unmarshal([]byte(`"x"`), new(int)), "«string» is not possible here"},
		{context.Canceled, "cancelled"},
		{context.DeadlineExceeded, "it took too long"},
		{fmt.Errorf("smp: %w", io.ErrUnexpectedEOF), "smp: it ends too early"},
		{errors.New("smp: smp: no answer"), "smp: no answer"},
		{errors.New("a:\n\tb\n\tb"), "a: b"},
		{
			errors.New("the DNS name x.tls: is fine, the file reads well"),
			"the DNS name x.tls: is fine, the file reads well",
		},
		{
			errors.New(`Post "http://127.0.0.1:1/as4": dial tcp 127.0.0.1:1: connect: connection refused`),
			"http://127.0.0.1:1/as4: 127.0.0.1:1: nothing answers at that address",
		},
		{
			errors.New(`dial tcp: lookup nobody.invalid on 127.0.0.53:53: no such host`),
			"no host has the name nobody.invalid",
		},
	} {
		want := strings.ReplaceAll(tc.want, "«string» is not possible here",
			"a text is not possible here, want a whole number")
		if got := Plain(tc.err); got != want {
			t.Errorf("%q is said as\n  %q, want\n  %q", tc.err, got, want)
		}
	}
}

// The line of an error says nothing twice, and of an error inside it only what happened, not also what to do.
func TestErrorSaysNothingTwice(t *testing.T) {
	inside := New(KeyUnreadable, errors.New("key.pem: no key"), "")
	for _, tc := range []struct {
		err  *Error
		want string
	}{
		{
			New(BadArguments, errors.New("/x does not exist"), "/x"),
			"RAVN-1012: the command was used incorrectly: /x does not exist. See: ravn help",
		},
		{
			New(BadArguments, errors.New("no"), "--key"),
			"RAVN-1012: the command was used incorrectly: --key (no). See: ravn help",
		},
		{
			New(FolderUnusable, fmt.Errorf("step: %w", inside), ""),
			"RAVN-1006: a folder cannot be used: step: one of our keys or certificates cannot be read: key.pem: no " +
				"key. Create it, or give this user write permission",
		},
		{
			New(BadArguments, nil, "a sentence."),
			"RAVN-1012: the command was used incorrectly: a sentence. See: ravn help",
		},
	} {
		if got := tc.err.Error(); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

// What was cancelled is called that, and not an error of what it was busy with; an attempt that may have sent something
// keeps its code.
func TestCancelledWork(t *testing.T) {
	gone := fmt.Errorf("sbdh: %w", context.Canceled)
	for code, want := range map[Code]Code{
		DocumentUnreadable: Cancelled, RecordUnreadable: Cancelled, LookupFailed: Cancelled,
		DatabaseUnusable: Cancelled,
		PeerUnreachable:  PeerUnreachable, PeerLater: PeerLater, ReceiptInvalid: ReceiptInvalid,
		PeerRefused: PeerRefused,
	} {
		if got := New(code, gone, "").Code; got != want {
			t.Errorf("%s that was cancelled is %s, want %s", code, got, want)
		}
	}
	if got := New(DocumentUnreadable, context.DeadlineExceeded, "").Code; got != DocumentUnreadable {
		t.Errorf("a time limit is %s", got)
	}
	if e := New(DocumentUnreadable, gone,
		"x.xml"); e.Error() != "RAVN-1021: the work was cancelled before it was done: x.xml. Run the command again" ||
		ExitOf(e) != Unsure {
		t.Errorf("%v, exit %d", e, ExitOf(e))
	}
}
