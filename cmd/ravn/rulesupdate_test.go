package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/testbed/proxy"
)

const smallSch = `<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><pattern><rule ` +
	`context="/*"><assert id="R-1" flag="fatal" test="@ok">It is not ok.</assert></rule></pattern></schema>`

// smallPack is an archive with one rule.
func smallPack(t *testing.T, sch string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"pack.json": `{"name":"small","version":"1","documents":` +
			`[{"doctype":"urn:x::Note##note::1","rules":["r.sch"]}]}`,
		"r.sch": sch,
	} {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sha(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// A pack is installed from an https server, with its hash shown and recorded; a list of packs likewise. SEC-111 holds:
// a server of another environment than local may not be on this machine.
func TestRulesFromServerSEC111(t *testing.T) {
	good, bad := smallPack(t, smallSch), smallPack(t, strings.Replace(smallSch, "@ok", "@ok[", 1))
	var list string
	mux := http.NewServeMux()
	serve := func(path string, b func() []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b()) })
	}
	serve("/small.zip", func() []byte { return good })
	serve("/bad.zip", func() []byte { return bad })
	serve("/packs.json", func() []byte { return []byte(list) })
	s := httptest.NewTLSServer(mux)
	defer s.Close()

	dir := t.TempDir()
	t.Chdir(dir)
	roots := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile("roots.pem", roots, 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(environment string) {
		t.Helper()
		text := "environment: " + environment + "\ndata: data\ncerts: {tls_roots: roots.pem}\n"
		if err := os.WriteFile("ravn.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("test")
	if _, errs, code := call(t, "rules", "install", s.URL+"/small.zip"); code != 2 ||
		!strings.Contains(errs, "SEC-111") {
		t.Errorf("an own address in test: exit %d: %s", code, errs)
	}
	write("local")
	if _, errs, code := call(t, "rules", "install", "--sha256", sha(bad), s.URL+"/small.zip"); code != 2 ||
		!strings.Contains(errs, sha(good)) {
		t.Errorf("another hash than the pinned one: exit %d: %s", code, errs)
	}
	if _, errs, code := call(t, "rules", "install", s.URL+"/bad.zip"); code != 2 || !strings.Contains(errs, "r.sch") {
		t.Errorf("rules that cannot be compiled: exit %d: %s", code, errs)
	}
	if _, err := os.Stat(filepath.Join("data", "rules")); err == nil {
		t.Error("a refused pack left something")
	}
	p := proxy.New(proxy.Options{Deny: http.StatusForbidden}) // OPS-140: downloads go through it as well
	defer p.Close()
	t.Setenv("RAVN_NETWORK_PROXY", "http://"+p.Addr())
	if _, errs, code := call(t, "rules", "install", s.URL+"/small.zip"); code != 2 ||
		!strings.Contains(errs, "the proxy "+p.Addr()+" does not allow it") {
		t.Errorf("a proxy that refuses: exit %d: %s", code, errs)
	}
	p.Deny(0)
	if out, errs, code := call(t, "rules", "install", "--sha256", sha(good), s.URL+"/small.zip"); code != 0 ||
		!strings.Contains(out, sha(good)) {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if asked := p.Asked(); len(asked) != 2 || "https://"+asked[1] != s.URL {
		t.Errorf("the proxy was asked for %q, not for %s twice", asked, s.URL)
	}

	list = fmt.Sprintf(`{"packs":[{"name":"small","version":"1","url":"small.zip","sha256":%q},{"name":"small",`+
		`"version":"2","url":"small.zip","sha256":%q,"valid_from":"2100-01-01"},{"name":"bad","version":"1","url":`+
		`"bad.zip","sha256":%q}]}`,
		sha(good), sha(good), sha(bad))
	out, errs, code := call(t, "rules", "update", "--from", s.URL+"/packs.json")
	for _, want := range []string{
		"small 1: installed already\n", "small 2: installed, SHA-256 " + sha(good),
		"bad 1: not installed: ", "r.sch",
	} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("exit %d, wanted %q: %s%s", code, want, out, errs)
		}
	}
	if out, errs, code := call(t, "rules", "list"); code != 0 || !strings.Contains(out, "2100-01-01") ||
		strings.Contains(out, "bad") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	if _, errs, code := call(t, "rules", "update", "--sha256", sha(good), "--from", s.URL+"/packs.json"); code != 2 ||
		!strings.Contains(errs, "SHA-256") {
		t.Errorf("another list than the pinned one: exit %d: %s", code, errs)
	}
	if _, _, code := call(t, "rules", "update"); code != 2 {
		t.Errorf("without address: exit %d", code)
	}
}

// rules alarms names a release that begins later, and needs the record of a server for the rest.
func TestRulesAlarms(t *testing.T) {
	cfg := quickNode(t)
	archive := filepath.Join(t.TempDir(), "small.zip")
	if err := os.WriteFile(archive, smallPack(t, smallSch), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := call(t, "--config", cfg, "rules", "alarms"); code != 0 || out != "" {
		t.Errorf("nothing is wrong: exit %d: %s%s", code, out, errs)
	}
	if _, errs, code := call(t, "--config", cfg, "rules", "install", "--valid-from", "2100-01-01", archive); code != 0 {
		t.Fatal(errs)
	}
	if out, errs, code := call(t, "--config", cfg, "rules", "alarms"); code != 1 ||
		!strings.Contains(out, "upcoming") || !strings.Contains(out, "small 1 is installed and holds from 2100-01-01") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	manifests, err := filepath.Glob(filepath.Join(filepath.Dir(cfg), "data", "rules", "small", "*", "pack.json"))
	if err != nil || len(manifests) != 1 {
		t.Fatal(manifests, err)
	}
	if err := os.WriteFile(manifests[0], []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := call(t, "--config", cfg, "rules", "alarms"); code != 1 ||
		!strings.HasPrefix(out, "unreadable") || !strings.Contains(out, "ravn rules remove small 1") {
		t.Errorf("a pack that cannot be read: exit %d: %s%s", code, out, errs)
	}
	if out, errs, code := call(t, "--config", cfg, "rules", "remove", "small", "1"); code != 0 {
		t.Errorf("it cannot be removed: exit %d: %s%s", code, out, errs)
	}
	if out, errs, code := call(t, "--config", cfg, "rules", "alarms"); code != 0 || out != "" {
		t.Errorf("after its removal: exit %d: %s%s", code, out, errs)
	}
}
