package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ravn-ap/ravn/internal/manual"
	"github.com/ravn-ap/ravn/testbed"
)

// programWords are what the standard library and the libraries below say in the language of programs.
var programWords = regexp.MustCompile(
	`unmarshal|asn1:|x509:|\btls:|context (canceled|deadline)|\bEOF\b|invalid character|strconv|no such (host|file)|` +
		`\b(open|stat|lstat|mkdir|read) [^ ]+: |\bgoroutine\b|%!|<nil>|struct field|` +
		`dial (tcp|udp)|lookup \S+ on |i/o ` +
		`timeout|connection refused|` +
		`arg\(s\)|(^|[ (])(pkcs12|json|yaml|csv|(net/)?http): |\bGo (value|struct)|parsing time|invalid syntax|parse ` +
		`error on line|bad certificate|panic|` +
		`(^|[ (])1 [a-z]{3,}s\b|runtime error`)

var idWords = regexp.MustCompile(`\b(RAVN|AS4|SEC|DISC|PKI|SBDH|REL|RPT|MLS|OPS|API|D)-\d+\b`)

// checkWords complains about a text that a program would write, that names an id without a page, or that says something
// twice.
func checkWords(t *testing.T, what, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if bad := programWords.FindString(line); bad != "" {
			t.Errorf("%s: %q in\n  %s", what, bad, line)
		}
		for _, id := range idWords.FindAllString(line, -1) {
			if _, ok := manual.Find(id); !ok {
				t.Errorf("%s: %s has no page:\n  %s", what, id, line)
			}
		}
		var seen []string
		for _, part := range regexp.MustCompile(`[.:;()] ?`).Split(line, -1) {
			part = strings.TrimSpace(part)
			if strings.Count(part, " ") >= 3 && slices.Contains(seen, part) {
				t.Errorf("%s says twice %q:\n  %s", what, part, line)
			}
			seen = append(seen, part)
		}
	}
}

// wrongFiles writes files that are not what anybody asks for, and returns their names.
func wrongFiles(t *testing.T) (dir string, names []string) {
	t.Helper()
	dir = t.TempDir()
	inv := string(testbed.Invoice)
	files := map[string]string{
		"empty": "", "text": "hello\n", "binary": "\x00\x01\xff\xfe\x80PK", "open-tag.xml": "<a><b>",
		"page.html": "<!DOCTYPE html><html><body>503</body></html>",
		"utf16.xml": "\xff\xfe<\x00a\x00/\x00>\x00", "two-roots.xml": "<a/><b/>", "prefix.xml": "<x:a/>",
		"no-profile.xml":       cut(inv, "ProfileID"),
		"no-customization.xml": cut(inv, "CustomizationID"), "other-root.xml": "<Other xmlns=\"urn:x\"/>",
		"list.yaml": "- a\n- b\n", "open.yaml": "a: [", "tab.yaml": "a:\n\tb: 1\n", "half.json": `{"packs": [`,
		"number.json": `{"packs": 3}`,
		"quote.csv":   "participant,doctype,process\n\"0192,x\n", "bare.csv": "a\"b,c,d\n",
		"columns.csv": "participant,doctype,process\na,b\n",
		"cut.pem":     "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
		"garbage.pem": "-----BEGIN PRIVATE KEY-----\nMIIBAQ==\n-----END PRIVATE KEY-----\n",
		"broken.p12":  "\x30\x82\x01\x00\x02\x01\x03", "broken.zip": "PK\x03\x04broken",
		"latin1.csv":   "participant,doctype,process\n0192:\xe6,x,y\n",
		"capture.http": "POST /as4 HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/related\r\n\r\nhello",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.Join(dir, name))
	}
	slices.Sort(names)
	return dir, append(names, dir, filepath.Join(dir, "missing"), filepath.Join(dir, "text", "below"))
}

// cut leaves an element of the invoice out.
func cut(invoice, element string) string {
	return regexp.MustCompile(`<cbc:`+element+`>[^<]*</cbc:`+element+`>`).ReplaceAllString(invoice, "")
}

// wrongInputs are command lines of which each has something wrong.
func wrongInputs(t *testing.T, cfg string) (list [][]string) {
	t.Helper()
	dir, files := wrongFiles(t)
	good := filepath.Join(t.TempDir(), "invoice.xml")
	if err := os.WriteFile(good, testbed.Invoice, 0o600); err != nil {
		t.Fatal(err)
	}
	node := filepath.Dir(cfg)
	add := func(args ...string) { list = append(list, args) }
	to := []string{"--from", testbed.Sender, "--to", testbed.Receiver}
	direct := append(slices.Clone(to), "--endpoint", "http://127.0.0.1:1/as4", "--endpoint-cert",
		filepath.Join(node, "cert.pem"))
	fits := func(f string, ends ...string) bool { // a file of that kind, or of none
		return !strings.Contains(filepath.Base(f), ".") || slices.Contains(ends, filepath.Ext(f))
	}
	for _, f := range files {
		if fits(f, ".pem", ".p12") {
			add("quickstart", "--dir", filepath.Join(t.TempDir(), "n"), "--p12", f, "--p12-password", "x")
			add("quickstart", "--dir", filepath.Join(t.TempDir(), "n"), "--pki", f)
			add(append([]string{
				"--config", cfg, "send", good, "--endpoint", "http://127.0.0.1:1/as4",
				"--endpoint-cert", f,
			}, to...)...)
			add("open", "--key", f, good)
			add("open", "--anchors", f, good)
			for _, key := range []string{"RAVN_CERTS_AP_ANCHORS", "RAVN_CERTS_TLS_ROOTS", "RAVN_DATA"} {
				add("env", key+"="+f, "--config", cfg, "config", "check")
			}
		}
		if fits(f, ".csv") {
			add("--config", cfg, "participants", "import", f)
			add("--config", cfg, "customers", "import", f)
			add("report", "build", "--month", "2026-03", "--seat", "PNO000777", "--out", t.TempDir(), "--items", f)
		}
		if fits(f, ".yaml", ".json") {
			add("--config", cfg, "report", "export", "--month", "2026-03", "--out", t.TempDir(), "--template", f)
			add("--config", f, "config", "check")
			add("--config", f, "serve")
		}
		if !fits(f, ".xml", ".html", ".http", ".zip") {
			continue
		}
		add(append([]string{"--config", cfg, "send", f}, direct...)...)
		add("validate", f)
		add("validate", "--testset", f)
		add("open", f)
		add("rules", "install", "--rules", filepath.Join(dir, "packs"), f)
		add("rules", "run", "--sch", f, good)
		add("rules", "xsd", "--xsd", f, good)
	}
	for _, v := range []string{
		"RAVN_AS4_IN_FLIGHT=many", "RAVN_AS4_IN_FLIGHT=99999999999999999999", "RAVN_AS4_PLAIN=perhaps",
		"RAVN_SEND_TIMEOUT=5 parsecs", "RAVN_SEND_TIMEOUT=5",
		"RAVN_AS4_LISTEN=127.0.0.1", "RAVN_AS4_LISTEN=127.0.0.1:99999", "RAVN_DISCOVERY_RESOLVER=x",
		"RAVN_DATABASE=postgres://127.0.0.1:1/x", "RAVN_DATABASE=postgres://[::1",
		"RAVN_COUNTRY=XX", "RAVN_ENVIRONMENT=prod", "RAVN_HOST=", "RAVN_VALIDATION_NO_RULES=perhaps",
		"RAVN_AS4_TRUSTED_PROXIES=10.0.0.0/33", "RAVN_REPORTING_SPID=x",
	} {
		add("env", v, "--config", cfg, "config", "check")
		add("env", v, "--config", cfg, "participants", "list")
	}
	for _, p := range []string{
		"0192:991825828", "0192:12", "9908:991825827", "1234:x", "x", "0192:",
		"iso::0192:991825827", "0192:99182582\u00e6",
	} {
		add("--config", cfg, "participants", "add", "--participant", p, "--doctype", "billing")
		add("--config", cfg, "participants", "remove", "--participant", p, "--all")
		add("--config", cfg, "send", good, "--from", testbed.Sender, "--to", p)
		add("lookup", p)
	}
	for _, d := range []string{"bill", "urn:x", "x##y", "busdox-docid-qns::a::b##c*::1", "a b"} {
		add("--config", cfg, "participants", "add", "--participant", testbed.Sender, "--doctype", d, "--process", "p")
		add(append([]string{"--config", cfg, "send", good, "--doctype", d}, to...)...)
		add("--config", cfg, "lookup", testbed.Sender, "--doctype", d, "--process", "p")
	}
	add("--config", cfg, "participants", "add", "--participant", testbed.Sender, "--doctype", "billing", "--domain",
		"egov")
	add(append([]string{"--config", cfg, "send", good}, to...)...) // there is no zone
	for _, m := range []string{"application/pdf", "application/xml", "text", "a/b/c"} {
		add(append([]string{"--config", cfg, "send", good, "--doctype", "billing", "--mime-type", m}, direct...)...)
	}
	for _, s := range []string{"1", "", "x", "2026-13", "2999-01"} {
		for _, sub := range []string{"preview", "close", "build", "archive", "verify", "rows", "send"} {
			add("--config", cfg, "report", sub, "--month", s)
		}
	}
	return append(list, wrongFlags()...)
}

// wrongFlags calls each command with a value that its flag does not take, an unknown flag and too many arguments.
func wrongFlags() (list [][]string) {
	var walk func(cmd *cobra.Command, path []string)
	walk = func(cmd *cobra.Command, path []string) {
		for _, sub := range cmd.Commands() {
			at := append(slices.Clone(path), sub.Name())
			list = append(list, append(slices.Clone(at), "--bogus"), append(slices.Clone(at), "--config"))
			if sub.Name() != "validate" && sub.Name() != "gentestdata" {
				list = append(list, append(slices.Clone(at), "a", "b", "c"))
			}
			sub.Flags().VisitAll(func(f *pflag.Flag) {
				if typ := f.Value.Type(); typ != "string" && typ != "stringArray" && typ != "stringSlice" {
					list = append(list, append(slices.Clone(at), "--"+f.Name+"=x"))
				}
			})
			walk(sub, at)
		}
	}
	walk((&cli{out: io.Discard, err: io.Discard}).root(), nil)
	return list
}

// do runs a command line; "env" in front sets a variable for it.
func do(t *testing.T, ctx context.Context, args []string) (stdout, stderr string, code int) {
	t.Helper()
	if args[0] == "env" {
		name, value, _ := strings.Cut(args[1], "=")
		old, was := os.LookupEnv(name)
		_ = os.Setenv(name, value)
		defer func() {
			if _ = os.Unsetenv(name); was {
				_ = os.Setenv(name, old)
			}
		}()
		args = args[2:]
	}
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	return out.String(), errs.String(), code
}

// Whatever somebody does wrong, the answer is in words of people, explains its ids, and says nothing twice; with --json
// it is JSON from the first byte (D-24, API-112).
func TestWordsOfWrongInputs(t *testing.T) {
	cfg := quickNode(t)
	list := wrongInputs(t, cfg)
	if len(list) < 240 {
		t.Errorf("%d inputs, want 240 at least", len(list))
	}
	for _, args := range list {
		out, errs, _ := do(t, t.Context(), args)
		checkWords(t, strings.Join(args, " "), out+errs)
	}
	t.Logf("%d command lines", len(list))
}

func TestJSONErrors(t *testing.T) {
	cfg := quickNode(t)
	for i, args := range wrongInputs(t, cfg) {
		if i%4 != 0 && !slices.Contains(args, "send") { // some of each kind are enough
			continue
		}
		at := 0
		if args[0] == "env" {
			at = 2
		}
		args = slices.Insert(slices.Clone(args), at, "--json")
		out, errs, code := do(t, t.Context(), args)
		if code != 0 && out+errs == "" {
			t.Errorf("%v: exit %d, and nothing is said", args, code)
		}
		for line := range strings.Lines(out + errs) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%v: no JSON: %s", args, line)
			}
		}
	}
}

// Work that is cancelled is cancelled: nothing is said about a file, a register or the record, and nothing is recorded.
func TestCancelledIsCancelled(t *testing.T) {
	cfg := quickNode(t)
	_, files := wrongFiles(t)
	good := filepath.Join(filepath.Dir(files[0]), "good.xml")
	if err := os.WriteFile(good, testbed.Invoice, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{
		{
			"send", good, "--from", testbed.Sender, "--to", testbed.Receiver, "--endpoint", "http://127.0.0.1:1/as4",
			"--endpoint-cert", filepath.Join(filepath.Dir(cfg), "cert.pem"),
		},
		{"participants", "list"},
		{"participants", "add", "--participant", testbed.Receiver, "--doctype", "billing"},
		{"queue", "list"},
		{"customers", "list"},
		{"report", "status"},
		{"report", "preview", "--month", "2026-03"},
		{"data", "check"},
		{"validate", good},
	} {
		out, errs, code := do(t, ctx, append([]string{"--config", cfg}, args...))
		if code != 3 || !strings.Contains(errs, "RAVN-1021") || strings.Contains(out+errs, "cannot be") {
			t.Errorf("%v: exit %d\n%s%s", args, code, out, errs)
		}
		checkWords(t, strings.Join(args, " "), out+errs)
	}
	if out, _, _ := do(t, t.Context(), []string{"--config", cfg, "queue", "list"}); out != "" {
		t.Errorf("recorded all the same: %s", out)
	}
}

// What goes wrong on the network is said in words, too.
func TestWordsOfTheNetwork(t *testing.T) {
	cfg := quickNode(t)
	good := filepath.Join(t.TempDir(), "good.xml")
	if err := os.WriteFile(good, testbed.Invoice, 0o600); err != nil {
		t.Fatal(err)
	}
	answer := func(status int, kind, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	hangUp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hangUp.Close() })
	go func() {
		for {
			c, err := hangUp.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for i, url := range []string{
		"http://127.0.0.1:1/as4", "http://" + hangUp.Addr().String(), answer(503, "text/html", "<html>"),
		answer(200, "text/html", "<html>"), answer(404, "text/plain", "no"),
		answer(200, "application/soap+xml", "<a>"), answer(413, "text/plain", ""),
		answer(200, "application/soap+xml", ""), secure.URL, "https://" + hangUp.Addr().String(),
		"http://nobody.invalid/as4", "http://192.0.2.1/as4",
		"https://" + strings.TrimPrefix(answer(200, "text/plain", ""), "http://"), "ftp://x", "::",
		"http://user:x@127.0.0.1/",
	} {
		args := []string{
			"--config", cfg, "send", good, "--from", testbed.Sender, "--to", testbed.Receiver, "--endpoint", url,
			"--endpoint-cert", filepath.Join(filepath.Dir(cfg), "cert.pem"), "--conversation", fmt.Sprint(i), "--again",
		}
		out, errs, code := do(t, t.Context(), args)
		if code == 0 || errs == "" {
			t.Errorf("%s: exit %d %s%s", url, code, out, errs)
		}
		checkWords(t, "send to "+url, out+errs)
		out, errs, code = do(t, t.Context(), []string{
			"--config", cfg, "rules", "update", "--from",
			strings.Replace(url, "http:", "https:", 1),
		})
		if code == 0 {
			t.Errorf("rules update from %s: %s", url, out)
		}
		checkWords(t, "rules update from "+url, out+errs)
	}
	out, errs, code := do(t, t.Context(), []string{
		"env", "RAVN_DISCOVERY_ZONE=zone.example", "--config", cfg, "lookup",
		testbed.Receiver,
	})
	if code == 0 {
		t.Errorf("lookup: %s", out)
	}
	checkWords(t, "lookup without DNS", out+errs)
}
