package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/fault"
)

// REL-003, REL-101: ravn verify names the payload that was changed on disk and the message that lost its work, and
// says so with its exit code; before that everything is as it must be.
func TestREL003VerifyNamesWhatIsWrong(t *testing.T) {
	from, to, cert, invoice := twoNodes(t)
	s := serveProcess(t, to)
	large := filepath.Join(t.TempDir(), "large.xml")
	text, err := os.ReadFile(invoice)
	if err != nil {
		t.Fatal(err)
	}
	pad := "<!-- " + strings.Repeat("x", 200_000) + " -->" // so that it has a file of its own
	if err := os.WriteFile(large, append(text, pad...), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := ravn(t, nil, "send", "--config", from, "--endpoint", s.url, "--endpoint-cert", cert, "--from",
		"0192:991825827", "--to", "0192:810418052", large); code != 0 {
		t.Fatal(out)
	}
	if out, code := ravn(t, nil, "verify", "--config", to); code != 0 ||
		!strings.HasPrefix(out, "messages 1, receipts given 1, payloads 1 with ") ||
		!strings.HasSuffix(out, ": everything is as it must be\n") {
		t.Errorf("%d %s", code, out)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(to), "data", "blobs", "*", "*.sbd"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := ravn(t, nil, "verify", "--config", to)
	want := filepath.Base(files[0]) + ": the payload is damaged: its SHA-256 is not the one on record\n"
	if code != int(fault.Negative) || !strings.Contains(out, want) ||
		!strings.HasSuffix(out, ": 1 not as they must be\n") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := ravn(t, nil, "verify", "--config", to, "--record"); code != 0 {
		t.Errorf("the record alone: %d %s", code, out)
	}
	if out, code := ravn(t, nil, "verify", "--config", to, "--json"); code != int(fault.Negative) ||
		!strings.Contains(out, `{"event":"finding","id":"`) || !strings.Contains(out, `"wrong":1,"ok":false}`) {
		t.Errorf("%d %s", code, out)
	}
	if out, code := ravn(t, nil, "verify", "--config", to, "--status"); code != 0 ||
		!strings.Contains(out, "not looked at yet") {
		t.Errorf("status: %d %s", code, out)
	}
}
