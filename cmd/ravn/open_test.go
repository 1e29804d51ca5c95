package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/internal/explain"
	"github.com/ravn-ap/ravn/internal/golden"
)

// openRun calls "ravn open" and returns exit code, output and errors.
func openRun(t *testing.T, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	exit = run(t.Context(), append([]string{"open"}, args...), &out, &errs)
	return exit, out.String(), errs.String()
}

// openFile writes a file for a test.
func openFile(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	wire := func(name string) string { return golden.Shared(t, "wire/"+name) }
	anchors := []string{
		"--anchors", wire("keys/apca.pem"), "--anchors", wire("keys/root.pem"), "--at",
		"2026-11-21T22:00:00Z",
	}
	request, answer := wire("oxalis-phase4/request.http"), wire("oxalis-phase4/response.http")
	both := openFile(t, append(golden.Read(t, "wire/keys/b.pem"), golden.Read(t, "wire/keys/b.key")...))
	id, err := certs.LoadPEM(wire("keys/b.pem"), wire("keys/b.key"))
	if err != nil {
		t.Fatal(err)
	}
	p12, err := pkcs12.Modern.Encode(id.Key, id.Cert, nil, "secret")
	if err != nil {
		t.Fatal(err)
	}
	store, password := openFile(t, p12), openFile(t, []byte("secret\r\nmore"))
	for _, tc := range []struct {
		name string
		args []string
		exit int
		out  string // in the output
		err  string // in the errors
	}{
		{"without keys", []string{request}, 0, "Signature: VALID", ""},
		{"key and certificate in one file", []string{"--key", both, request}, 0, "Encryption: decrypted", ""},
		{"key and certificate in two files", []string{
			"--key", wire("keys/b.key"), "--cert", wire("keys/a.pem"),
			"--cert", wire("keys/b.pem"), request,
		}, 0, "Encryption: decrypted", ""},
		{"PKCS#12", []string{"--key", store, "--password", "secret", request}, 0, "Encryption: decrypted", ""},
		{
			"PKCS#12 with password file",
			[]string{"--key", store, "--password-file", password, request},
			0,
			"Encryption: decrypted", "",
		},
		{
			"several keys",
			[]string{"--key", both, "--key", store, "--password", "secret", request},
			0,
			"Encryption: decrypted", "",
		},
		{"receipt", append(anchors, "--request", request, answer), 0, "matches          yes", ""},
		{
			"receipt of another message",
			[]string{"--request", wire("oxalis-oxalis/request.http"), answer},
			1,
			"RAVN-2203", "",
		},
		{"unsigned error", []string{wire("err-wrongkey-phase4-oxalis/response.http")}, 0, "NOT_SERVICED", ""},
		{"changed", []string{openFile(t, bytes.Replace(golden.Read(t, "wire/oxalis-phase4/request.http"),
			[]byte("PNO000001</"), []byte("PNO000003</"), 1))}, 1, "RAVN-4002", ""},
		{"HTML", []string{openFile(t, []byte("<html/>"))}, 1, "RAVN-4001", ""},
		{"empty", []string{openFile(t, nil)}, 1, "RAVN-4001", ""},
		{"no file given", nil, 2, "", "RAVN-1012"},
		{"no such file", []string{"/nowhere/x"}, 2, "", "RAVN-1012"},
		{"unknown flag", []string{"--nothing", request}, 2, "", "RAVN-1012"},
		{"malformed time", []string{"--at", "yesterday", request}, 2, "", "--at"},
		{"wrong password", []string{"--key", store, "--password", "wrong", request}, 2, "", "RAVN-1011"},
		{"no such password file", []string{"--password-file", "/nowhere/x", request}, 2, "", "--password-file"},
		{"no such key", []string{"--key", "/nowhere/x", request}, 2, "", "RAVN-1003"},
		{"key without certificate", []string{"--key", wire("keys/b.key"), request}, 2, "", "--cert"},
		{
			"certificate of another key",
			[]string{"--key", wire("keys/b.key"), "--cert", wire("keys/a.pem"), request},
			2,
			"", "RAVN-1003",
		},
		{"no such anchors", []string{"--anchors", "/nowhere/x", request}, 2, "", "RAVN-1005"},
		{"anchors that are no CA", []string{"--anchors", wire("keys/a.pem"), request}, 2, "", "RAVN-1005"},
		{"no such request", []string{"--request", "/nowhere/x", answer}, 2, "", "--request"},
		{"payload into no folder", []string{"--payload", "/nowhere/x", request}, 2, "", "--payload"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			exit, out, errs := openRun(t, tc.args...)
			if exit != tc.exit || !strings.Contains(out, tc.out) || !strings.Contains(errs, tc.err) ||
				tc.err == "" && errs != "" {
				t.Errorf("exit %d, want %d\n%s\n%s", exit, tc.exit, out, errs)
			}
		})
	}
}

func TestOpenJSON(t *testing.T) {
	key := openFile(t, append(golden.Read(t, "wire/keys/b.pem"), golden.Read(t, "wire/keys/b.key")...))
	exit, out, errs := openRun(t, "--json", "--key", key, golden.Shared(t, "wire/oxalis-oxalis/request.http"))
	var r explain.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || exit != 0 || errs != "" {
		t.Fatalf("exit %d, %v\n%s", exit, err, errs)
	}
	if r.Format != explain.Format || !r.Signature.Valid || r.Payload == nil || r.Payload.RootElement != "Invoice" ||
		strings.Count(out, "\n") != 1 {
		t.Errorf("%s", out)
	}
}

func TestOpenPayload(t *testing.T) {
	key := openFile(t, append(golden.Read(t, "wire/keys/b.pem"), golden.Read(t, "wire/keys/b.key")...))
	dir := t.TempDir()
	path := filepath.Join(dir, "sbd.xml")
	request := golden.Shared(t, "wire/oxalis-oxalis/request.http")

	if exit, _, errs := openRun(t, "--payload", path, request); exit != 0 ||
		!strings.Contains(errs, "was not written") {
		t.Errorf("without key: exit %d, %s", exit, errs)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if exit, _, errs := openRun(t, "--key", key, "--payload", path, request); exit != 0 || errs != "" {
		t.Errorf("exit %d, %s", exit, errs)
	}
	if got, err := os.ReadFile(path); err != nil ||
		!bytes.Equal(got, golden.Read(t, "wire/oxalis-oxalis/payload.xml")) {
		t.Errorf("the payload differs, %v", err)
	}
}
