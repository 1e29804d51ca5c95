package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/testbed"
)

// call runs a command line inside this process.
func call(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return out.String(), errs.String(), code
}

// quickNode makes a local node by quickstart, in the network of the tests, and returns its configuration file.
func quickNode(t *testing.T, more ...string) string {
	t.Helper()
	p, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	dir, cas := filepath.Join(t.TempDir(), "node"), t.TempDir()
	if err := p.Save(cas); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := call(t, append([]string{"quickstart", "--environment", "local", "--dir", dir, "--pki", cas},
		more...)...); code != 0 {
		t.Fatal(errs)
	}
	return filepath.Join(dir, "ravn.yaml")
}

func TestWrongConfiguration(t *testing.T) {
	good := quickNode(t)
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	listen := regexp.MustCompile(`listen: 127\.0\.0\.1:\d+`).FindString(string(text)) // a port that was free
	for _, tc := range []struct{ name, old, with, code, says string }{
		{"unknown key", "host:", "hots:", "RAVN-1001", "hots"},
		{"bad environment", "environment: local", "environment: prod", "RAVN-1001", "environment"},
		{"no keys", "keys:\n- cert: cert.pem\n  key: key.pem\n", "keys: []\n", "RAVN-1001", "keys"},
		{"key not there", "key: key.pem", "key: other.pem", "RAVN-1003", "other.pem"},
		{"key is no key", "key: key.pem", "key: cert.pem", "RAVN-1003", "private key"},
		{"anchors not there", "ap_anchors: ap-anchors.pem", "ap_anchors: none.pem", "RAVN-1005", "none.pem"},
		{
			"anchors of somebody else", "ap_anchors: ap-anchors.pem", "ap_anchors: smp-anchors.pem", "RAVN-1004",
			"POP900001",
		},
		{"D-20 local listens outside", listen, "listen: 0.0.0.0:9443", "RAVN-1001", "loopback"},
		{"no port", listen, "listen: 127.0.0.1", "RAVN-1001", "as4.listen"},
		{
			"port in use", listen, "listen: " + taken.Addr().String(), "RAVN-1007",
			taken.Addr().String(),
		},
		{"no TLS and not plain", "  plain: true\n", "", "RAVN-1001", "as4.plain"},
		{"TLS files not there", "  plain: true\n", "  tls_cert: no.pem\n  tls_key: no.key\n", "RAVN-1010", "no.pem"},
		{"data is a file", "data: data", "data: key.pem", "RAVN-1006", "key.pem"},
		{"bad country", `country: "NO"`, `country: "XX"`, "RAVN-1001", "country"},
		{"not YAML", "environment: local", "environment: [", "RAVN-1001", ""},
		{
			"production without a word on revocation", "environment: local", "environment: production", "RAVN-1009",
			"certs.revocation",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changed := strings.Replace(string(text), tc.old, tc.with, 1)
			if changed == string(text) {
				t.Fatalf("%q is not in the configuration:\n%s", tc.old, text)
			}
			file := filepath.Join(filepath.Dir(good), "changed.yaml")
			if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			_, errs, code := call(t, "--config", file, "serve")
			if code != 2 || !strings.Contains(errs, tc.code) || !strings.Contains(errs, tc.says) {
				t.Errorf("exit %d, want 2 with %s and %q\n%s", code, tc.code, tc.says, errs)
			}
		})
	}
}

func TestParticipants(t *testing.T) {
	cfg := quickNode(t)
	add := []string{
		"--config", cfg, "--json", "participants", "add", "--participant", testbed.Receiver, "--doctype",
		testbed.DocType, "--process", testbed.Process,
	}
	if _, errs, code := call(t, add...); code != 0 {
		t.Fatal(errs)
	}
	file := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(file, []byte("participant,doctype,process,domain\n0192:991825827,"+testbed.DocType+","+
		testbed.Process+",eGov\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := call(t, "--config", cfg, "participants", "import", file); code != 0 {
		t.Fatal(errs)
	}
	out, _, _ := call(t, "--config", cfg, "--json", "participants", "list")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d entries:\n%s", len(lines), out)
	}
	var first servedRow
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || first.Participant != testbed.Receiver ||
		first.DocType != testbed.DocType {
		t.Errorf("%+v, %v", first, err)
	}
	// a bad line takes nothing
	if err := os.WriteFile(file, []byte("0192:923609016,"+testbed.DocType+","+testbed.Process+"\nnonsense,x,y\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := call(t, "--config", cfg, "participants", "import", file); code != 2 ||
		!strings.Contains(errs, "line 2") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if out, _, _ := call(t, "--config", cfg, "--json", "participants", "list"); strings.Count(out, "\n") != 2 {
		t.Errorf("a refused import left something:\n%s", out)
	}
}

func TestDemo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	out, errs, code := call(t, "demo", "--out", dir, "--json")
	if code != 0 {
		t.Fatal(errs)
	}
	if !strings.Contains(out, `"step":"checked","text":"checked against the rules of its type: valid (ravn-core `) {
		t.Errorf("the verdict on the invoice is not shown: %s", out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var res testbed.DemoResult
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &res); err != nil || !res.OK || !res.ReceiptVerified ||
		res.MessageID == "" {
		t.Fatalf("%+v, %v", res, err)
	}
	sent, err := os.ReadFile(filepath.Join(dir, "evidence", "envelope.xml"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(res.Delivered, "document.xml"))
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("what was delivered is not what was sent: %v", err)
	}
	if _, errs, code := call(t, "open", "--anchors", filepath.Join(dir, "ap-ca.pem"), "--key",
		filepath.Join(dir, "POP900002", "key.pem"), "--cert", filepath.Join(dir, "POP900002", "cert.pem"),
		filepath.Join(dir, "evidence", "request.http")); code != 0 {
		t.Errorf("ravn open of the evidence: exit %d %s", code, errs)
	}
}

// rules run writes a line for each document, goes on after one that cannot be read, and names what is wrong with a rule
// file.
func TestRulesRun(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	sch := write("a.sch",
		`<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><pattern><rule context="b">`+
			`<assert id="X-1" flag="fatal" test="xs:decimal(.) > 1">too small</assert></rule></pattern></schema>`)
	good, bad, broken := write("good.xml", "<a><b>2</b></a>"), write("bad.xml", "<a><b>1</b></a>"),
		write("broken.xml", "<a>")
	text := write("text.xml", "<a><b>x</b></a>")
	out, _, code := call(t, "rules", "run", "--json", "--sch", sch, good, bad, broken, text,
		filepath.Join(dir, "none.xml"))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 1 || len(lines) != 5 {
		t.Fatalf("exit %d: %s", code, out)
	}
	for i, want := range []string{
		`"fired":[],"firedRules":1}`,
		`"fired":[{"id":"X-1","flag":"fatal","location":"/a[1]/b[1]"}],"firedRules":1}`, `"error":"xml:`,
		`"error":"FORG0001"`, `none.xml does not exist`,
	} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d: %s, want %s", i, lines[i], want)
		}
	}
	if _, _, code := call(t, "rules", "run", "--sch", sch, good); code != 0 {
		t.Errorf("a valid document: exit %d", code)
	}
	wrong := write("wrong.sch", strings.ReplaceAll(
		`<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><pattern>`+"\n"+
			`<rule context="b"><assert id="X-1" test="nope()"/></rule></pattern></schema>`, "\t", ""))
	if _, errs, code := call(t, "rules", "run", "--sch", wrong, good); code != 2 ||
		!strings.Contains(errs, wrong+":2: test of X-1") {
		t.Errorf("exit %d: %s", code, errs)
	}
}
