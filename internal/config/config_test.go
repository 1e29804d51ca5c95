package config

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/ravn-ap/ravn/certs"
	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/internal/golden"
)

func TestParse(t *testing.T) {
	c, err := Parse([]byte("environment: local\nas4:\n  listen: 127.0.0.1:1\n  plain: true\nsend:\n  timeout: 30s\n"),
		"/dir", nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.AS4.Path != "/as4" || c.AS4.MaxBytes != 100<<20 || c.Log.Level != "info" || c.Send.Timeout.String() != "30s" {
		t.Errorf("defaults: %+v", c)
	}
	if c.Path("data") != "/dir/data" || c.Path("/x") != "/x" || c.Path("") != "" {
		t.Error("paths are not relative to the file's folder")
	}
}

// D-16: every key can come from the environment.
func TestEnvironment(t *testing.T) {
	env := map[string]string{
		"RAVN_AS4_LISTEN": "127.0.0.1:7", "RAVN_AS4_PLAIN": "true",
		"RAVN_AS4_MAX_BYTES": "2097152", "RAVN_DELIVER_LEASE": "5s", "RAVN_HOST": "h",
	}
	c, err := Parse([]byte("host: other\n"), "/", env)
	if err != nil {
		t.Fatal(err)
	}
	if c.AS4.Listen != "127.0.0.1:7" || !c.AS4.Plain || c.AS4.MaxBytes != 2<<20 || c.Deliver.Lease.String() != "5s" ||
		c.Host != "h" {
		t.Errorf("%+v", c)
	}
	for k, v := range map[string]string{
		"RAVN_AS4_PLAIN": "maybe", "RAVN_AS4_MAX_BYTES": "many",
		"RAVN_SEND_TIMEOUT": "soon",
	} {
		if _, err := Parse(nil, "/", map[string]string{k: v}); err == nil {
			t.Errorf("%s=%s is accepted", k, v)
		}
	}
}

func TestErrorsNameTheLine(t *testing.T) {
	_, err := Parse([]byte("environment: local\nas4:\n  lissen: x\n"), "/", nil)
	if err == nil || !strings.Contains(err.Error(), "3") || !strings.Contains(err.Error(), "lissen") {
		t.Errorf("%v", err)
	}
}

// PKI-006: the CAs of a file stand in for those of the program, in every environment and for each role by itself.
func TestPKI006AnchorsOfFiles(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "renewed CA"}, IsCA: true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), certs.EncodePEM(der), 0o600); err != nil {
		t.Fatal(err)
	}
	ours := func(list []certs.Issuer) bool {
		return len(list) == 1 && bytes.Equal(list[0].CA.Raw, der) && list[0].Above == nil
	}
	for _, env := range []certs.Environment{certs.Local, certs.Test, certs.Production} {
		builtin := certs.Builtin(env)
		for key, want := range map[string]func(a certs.Anchors) bool{
			"revocation":  func(a certs.Anchors) bool { return reflect.DeepEqual(a, builtin) },
			"ap_anchors":  func(a certs.Anchors) bool { return ours(a.AP) && reflect.DeepEqual(a.SMP, builtin.SMP) },
			"smp_anchors": func(a certs.Anchors) bool { return ours(a.SMP) && reflect.DeepEqual(a.AP, builtin.AP) },
		} {
			c, err := Parse(fmt.Appendf(nil, "environment: %s\ncerts:\n  %s: ca.pem\n", env, key), dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			if a, err := c.Anchors(); err != nil || !want(a) {
				t.Errorf("%s with %s: %d and %d CAs, %v", env, key, len(a.AP), len(a.SMP), err)
			}
		}
	}
}

// docs/configuration.md is what make docs writes.
func TestDocument(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(golden.Root(t), "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(b), Markdown()) {
		t.Error("docs/configuration.md is not up to date: run make docs")
	}
}

// A configuration, and the password file that it names, are read as an editor of Windows leaves them: with a byte order
// mark and CR LF.
func TestFilesOfWindows(t *testing.T) {
	dir := t.TempDir()
	p, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	id, err := p.AP.Issue(localca.Leaf{CN: "POP900001"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	store, err := pkcs12.Modern.Encode(id.Key, id.Cert, nil, "secret")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"key.p12": string(store), "password": "\ufeffsecret\r\nof the key\r\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const text = "\ufeffenvironment: local\r\nkeys:\r\n- p12: key.p12\r\n  password_file: password\r\nas4:\r\n" +
		"  listen: 127.0.0.1:9443\r\n"
	c, err := Parse([]byte(text), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Environment != "local" || c.AS4.Listen != "127.0.0.1:9443" || c.Keys[0].PasswordFile != "password" {
		t.Errorf("read as %+v", c)
	}
	ring, err := c.Keyring()
	if err != nil || len(ring.Identities()) != 1 || ring.Identities()[0].Seat != "POP900001" {
		t.Errorf("the key: %v", err)
	}
}
