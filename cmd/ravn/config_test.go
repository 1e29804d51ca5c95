package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/certs/localca"
	"github.com/ravn-ap/ravn/sml"
)

// inOrder is a configuration that is in order.
const inOrder = `environment: local
host: localhost
data: data
keys:
- cert: cert.pem
  key: key.pem
certs:
  ap_anchors: ap-anchors.pem
  smp_anchors: smp-anchors.pem
as4:
  listen: 127.0.0.1:0
  plain: true
deliver:
  folder: inbox
discovery:
  zone: sml.ravn.test
`

// configDir makes a folder with inOrder and the keys that are used in tests, good and bad.
func configDir(t *testing.T) string {
	t.Helper()
	p, err := localca.Shared()
	if err != nil {
		t.Fatal(err)
	}
	dir, now := t.TempDir(), time.Now()
	const day = 24 * time.Hour
	write := func(name string, text []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	issue := func(name string, ca *localca.CA, l localca.Leaf) {
		id, err := ca.Issue(l, now)
		if err != nil {
			t.Fatal(err)
		}
		key, err := localca.EncodeKey(id.Key)
		if err != nil {
			t.Fatal(err)
		}
		suffix := strings.TrimPrefix(name, "good")
		write("cert"+suffix+".pem", localca.EncodeCerts(id.Cert))
		write("key"+suffix+".pem", key)
	}
	old, next := localca.Leaf{CN: "POP900001", NotBefore: now.Add(-30 * day), Valid: day},
		localca.Leaf{CN: "POP900001", NotBefore: now.Add(9*day + time.Hour)}
	other := old
	other.CN = "POP900002"
	issue("good", p.AP, localca.Leaf{CN: "POP900001"})
	issue("-old", p.AP, old)
	issue("-next", p.AP, next)
	issue("-second", p.AP, localca.Leaf{CN: "POP900002"})
	issue("-second-old", p.AP, other)
	issue("-smp", p.SMP, localca.Leaf{CN: "POP900001"})
	issue("-tls", p.TLS, localca.Leaf{CN: "localhost", DNS: []string{"localhost"}})
	issue("-tls-old", p.TLS, localca.Leaf{
		CN: "localhost", DNS: []string{"localhost"}, NotBefore: now.Add(-30 * day),
		Valid: day,
	})
	write("ap-anchors.pem", localca.EncodeCerts(p.AP.Cert, p.Root.Cert))
	write("smp-anchors.pem", localca.EncodeCerts(p.SMP.Cert, p.Root.Cert))
	write("hello.txt", []byte("hello\n"))
	return dir
}

// files lists everything in a folder.
func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		list = append(list, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// brief runs a command line that should end soon.
func brief(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	if ctx.Err() != nil {
		t.Errorf("ravn %s did not end by itself", strings.Join(args, " "))
	}
	return out.String(), errs.String(), code
}

// loggedErrors are the errors in the lines of a server's log; other lines of the output count as errors, too.
func loggedErrors(t *testing.T, text string) (list []string) {
	t.Helper()
	for line := range strings.Lines(text) {
		var l struct{ Error, Message string }
		if json.Unmarshal([]byte(line), &l) != nil {
			list = append(list, strings.TrimSpace(line))
		} else if l.Error != "" {
			list = append(list, l.Error)
		}
	}
	return list
}

// D-16: what config check says about a wrong configuration is what serve says, word for word and with the same line;
// and what send says, unless it is about the listener, which send does not need. Nothing is created by a check.
func TestD16OneListOfChecks(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	made := configDir(t)
	const keys = "- cert: cert.pem\n  key: key.pem\n"
	plain, listen, zone := "  plain: true\n", "127.0.0.1:0", "  zone: sml.ravn.test\n"
	more := func(text string) [2]string { return [2]string{zone, zone + text} }
	for _, tc := range []struct {
		name   string
		change [2]string         // what is replaced in inOrder
		env    map[string]string // variables that are set
		says   string            // in one of the errors
		server bool              // it is about the listener
	}{
		{
			"unknown key",
			[2]string{"host:", "hots:"},
			nil,
			`RAVN-1001: the configuration is wrong: FILE (line 2 column 1: unknown field "hots"`, false,
		},
		{"unknown key of a key", [2]string{"  key: key.pem", "  kee: key.pem"}, nil, "line 6 column 3", false},
		{"not YAML", [2]string{"environment: local", "environment: ["}, nil, "RAVN-1001", false},
		{
			"a list for a text",
			[2]string{"host: localhost", "host: [localhost]"},
			nil, "line 2 column 7: want a text",
			false,
		},
		{"a text for a list", [2]string{keys, "  all\n"}, nil, "line 5 column 3: want a list", false},
		{
			"a text for a number",
			[2]string{plain, plain + "  in_flight: many\n"},
			nil,
			"line 13 column 14: want a whole number", false,
		},
		{
			"a huge number",
			[2]string{plain, plain + "  in_flight: 99999999999999999999\n"},
			nil,
			"line 13 column 14: the number is too large", false,
		},
		{
			"a fraction",
			[2]string{plain, plain + "  in_flight: 1.5\n"},
			nil,
			"as4.in_flight (line 13): want a whole number", false,
		},
		{"no yes or no", [2]string{plain, "  plain: maybe\n"}, nil, "line 12 column 10: want true or false", false},
		{
			"no duration", more("send:\n  timeout: soon\n"), nil,
			`send.timeout (line 18): want a duration like 30s or 5m, have "soon"`, false,
		},
		{
			"environment",
			[2]string{": local", ": prod"},
			nil, "environment (line 1): want local, test or production",
			false,
		},
		{"host", [2]string{"host: localhost", "host: 'a b'"}, nil, "host (line 2)", false},
		{"host missing", [2]string{"host: localhost\n", ""}, nil, "host: want a host name", false},
		{"country", [2]string{"data: data\n", "data: data\ncountry: Norway\n"}, nil, "country (line 4)", false},
		{"no data folder", [2]string{"data: data\n", ""}, nil, "data: a folder is needed", false},
		{
			"data is a file",
			[2]string{"data: data", "data: hello.txt"},
			nil,
			"RAVN-1006: a folder cannot be used: data (line 3)", false,
		},
		{
			"delivery below a file",
			[2]string{"folder: inbox", "folder: hello.txt/inbox"},
			nil,
			"RAVN-1006: a folder cannot be used: deliver.folder (line 14)", false,
		},
		{
			"delivery among the payloads",
			[2]string{"folder: inbox", "folder: data/blobs/in"},
			nil,
			"deliver.folder (line 14): ", false,
		},
		{
			"delivery into data itself",
			[2]string{"folder: inbox", "folder: ./data"},
			nil, "deliver.folder (line 14): ",
			false,
		},
		{
			"no keys",
			[2]string{"keys:\n" + keys, "keys: []\n"},
			nil, "keys (line 4): at least one own key is needed",
			false,
		},
		{
			"half a key",
			[2]string{keys, keys + "- cert: cert.pem\n"},
			nil,
			"keys[1] (line 7): give p12, or both cert and key", false,
		},
		{
			"two passwords",
			[2]string{keys, keys + "- p12: a\n  password: b\n  password_file: c\n"},
			nil,
			"keys[1] (line 7): give either password", false,
		},
		{
			"key not there",
			[2]string{keys, keys + "- cert: cert-second.pem\n  key: none.pem\n"},
			nil,
			"RAVN-1003: one of our keys or certificates cannot be read: keys[1] (line 7)", false,
		},
		{"key is no key", [2]string{"key: key.pem", "key: cert.pem"}, nil, "keys[0] (line 5)", false},
		{
			"key of another certificate",
			[2]string{"key: key.pem", "key: key-second.pem"},
			nil,
			"the private key does not belong to the certificate", false,
		},
		{
			"PKI-009 expired",
			[2]string{keys, "- cert: cert-old.pem\n  key: key-old.pem\n"},
			nil,
			"keys[0] (line 5): seat POP900001: the certificate expired 29 days ago", false,
		},
		{
			"PKI-009 not valid yet",
			[2]string{keys, "- cert: cert-next.pem\n  key: key-next.pem\n"},
			nil,
			"keys[0] (line 5): seat POP900001: the certificate is valid only in 9 days", false,
		},
		{
			"the second seat expired",
			[2]string{keys, keys + "- cert: cert-second-old.pem\n  key: key-second-old.pem\n"},
			nil, "RAVN-1004: our own certificate does not belong to this environment, or is not valid now: keys[1] " +
				"(line 7): seat POP900002", false,
		},
		{
			"PKI-008 the second of another role",
			[2]string{keys, keys + "- cert: cert-smp.pem\n  key: key-smp.pem\n"},
			nil, "keys[1] (line 7): seat POP900001, certificate ", false,
		},
		{
			"PKI-031 of another environment",
			[2]string{"  ap_anchors: ap-anchors.pem\n", ""},
			map[string]string{"RAVN_ENVIRONMENT": "test", "RAVN_AS4_TRUSTED_PROXIES": "127.0.0.1"},
			"keys[0] (line 5): seat POP900001, certificate ", false,
		},
		{
			"no anchors",
			[2]string{"  ap_anchors: ap-anchors.pem\n", ""},
			nil,
			"certs.ap_anchors: local has no built-in CAs", false,
		},
		{
			"anchors not there",
			[2]string{": smp-anchors.pem", ": none.pem"},
			nil,
			"RAVN-1005: the trust anchors cannot be read: certs.smp_anchors (line 9): none.pem", false,
		},
		{
			"anchors that are no CA",
			[2]string{": ap-anchors.pem", ": cert.pem"},
			nil,
			"certs.ap_anchors (line 8): cert.pem", false,
		},
		{
			"TLS roots",
			[2]string{"  smp_anchors", "  tls_roots: hello.txt\n  smp_anchors"},
			nil,
			"certs.tls_roots (line 9): hello.txt has no certificate", false,
		},
		{
			"revocation",
			[2]string{"  smp_anchors", "  revocation: never\n  smp_anchors"},
			nil,
			"certs.revocation (line 9)", false,
		},
		{
			"PKI-014 production without a word on revocation",
			[2]string{": local", ": production"},
			nil, "RAVN-1009",
			false,
		},
		{"no address", [2]string{listen, "127.0.0.1"}, nil, "as4.listen (line 11): want host:port", false},
		{"no such port", [2]string{listen, "127.0.0.1:65536"}, nil, "as4.listen (line 11): want host:port", false},
		{
			"D-20 local listens outside",
			[2]string{listen, "0.0.0.0:0"},
			nil,
			"as4.listen (line 11): local listens on loopback", false,
		},
		{
			"port in use",
			[2]string{listen, taken.Addr().String()},
			nil,
			"RAVN-1007: the address to listen on cannot be used: as4.listen (line 11): " + taken.Addr().String(), true,
		},
		{"no TLS and not plain", [2]string{plain, ""}, nil, "as4.tls_cert: name certificate and key", false},
		{
			"TLS not there",
			[2]string{plain, "  tls_cert: no.pem\n  tls_key: no.key\n"},
			nil,
			"RAVN-1010: the TLS certificate or key cannot be used: as4.tls_cert (line 12): no.pem and no.key", true,
		},
		{
			"TLS pair of two",
			[2]string{plain, "  tls_cert: cert-tls.pem\n  tls_key: key-tls-old.pem\n"},
			nil,
			"as4.tls_cert (line 12)", true,
		},
		{
			"TLS expired",
			[2]string{plain, "  tls_cert: cert-tls-old.pem\n  tls_key: key-tls-old.pem\n"},
			nil,
			"as4.tls_cert (line 12): cert-tls-old.pem expired 29 days ago", true,
		},
		{"path", [2]string{plain, plain + "  path: as4?x\n"}, nil, "as4.path (line 13)", false},
		{
			"bounds",
			[2]string{plain, plain + "  in_flight: 0\n"},
			nil, "as4.in_flight (line 13): want 1 to 4096, have 0",
			false,
		},
		{"bounds of a duration", more("send:\n  timeout: 1h\n"), nil, "send.timeout (line 18): want ", false},
		{
			"trusted proxies",
			[2]string{plain, plain + "  trusted_proxies: [0.0.0.0/0]\n"},
			nil,
			"as4.trusted_proxies[0] (line 13)", false,
		},
		{"resolver", more("  resolver: dns.example\n"), nil, "discovery.resolver (line 17)", false},
		{"resolver without a host", more("  resolver: ':53'\n"), nil, "discovery.resolver (line 17)", false},
		{"zone", [2]string{"sml.ravn.test", "'sml ravn'"}, nil, "discovery.zone (line 16): want a domain name", false},
		{
			"D-20 zone of another network",
			[2]string{"sml.ravn.test", sml.ZoneTest},
			nil, "discovery.zone (line 16)",
			false,
		},
		{
			"database",
			[2]string{"data: data\n", "data: data\ndatabase: postgres://a:geheim@b:x/c\n"},
			nil,
			"RAVN-1008: the database cannot be opened: database (line 4)", false,
		},
		{"database that may lose writes", [2]string{
			"data: data\n",
			"data: data\ndatabase: postgres://a/b?synchronous_commit=off\n",
		}, nil, "database (line 4)", false},
		{
			"outgoing", more("validation:\n  outgoing: always\n"), nil,
			"validation.outgoing (line 18): want off, report or reject", false,
		},
		{"log", more("log:\n  level: loud\n"), nil, "log.level (line 18)", false},
		{"reporting", more("reporting:\n  spid: 12\n"), nil, "reporting.spid (line 18)", false},
		{
			"OPS-140 proxy", more("network:\n  proxy: 'proxy.example:3128'\n"), nil,
			"network.proxy (line 18): want http://host:port", false,
		},
		{
			"OPS-140 proxy of another kind", more("network:\n  proxy: socks5://u:geheim@proxy.example:1080\n"), nil,
			"network.proxy (line 18): want http://host:port", false,
		},
		{
			"OPS-140 no_proxy alone", more("network:\n  no_proxy: [example.org]\n"), nil,
			"network.proxy: it is missing",
			false,
		},
		{
			"OPS-140 no_proxy", more("network:\n  proxy: http://proxy.example:3128\n  no_proxy: [a, 'b c']\n"), nil,
			"network.no_proxy[1] (line 19)", false,
		},
		{
			"OPS-140 two users", more("network:\n  proxy: http://u:geheim@proxy.example:3128\n  proxy_user: v\n"), nil,
			"network.proxy (line 18): it has a user", false,
		},
		{
			"OPS-140 password not there",
			more("network:\n  proxy: http://proxy.example:3128\n  proxy_user: v\n  proxy_password_file: none\n"), nil,
			"network.proxy_password_file (line 20)", false,
		},
		{
			"unknown variable",
			[2]string{},
			map[string]string{"RAVN_AS4_LISTENS": "127.0.0.1:1"},
			"RAVN_AS4_LISTENS: no key has this environment variable", false,
		},
		{
			"number in a variable",
			[2]string{},
			map[string]string{"RAVN_AS4_IN_FLIGHT": "many"},
			`as4.in_flight (RAVN_AS4_IN_FLIGHT): want a whole number, have "many"`, false,
		},
		{
			"bounds in a variable",
			[2]string{},
			map[string]string{"RAVN_AS4_IN_FLIGHT": "-1"},
			"as4.in_flight (RAVN_AS4_IN_FLIGHT): want 1 to 4096, have -1", false,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "node")
			if err := os.CopyFS(dir, os.DirFS(made)); err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(inOrder, tc.change[0], tc.change[1], 1)
			if tc.env == nil && text == inOrder {
				t.Fatal("nothing is changed")
			}
			file := filepath.Join(dir, "ravn.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			before := files(t, dir)
			out, errs, code := brief(t, "--config", file, "--json", "config", "check")
			var said checked
			if err := json.Unmarshal([]byte(out), &said); err != nil || code != 2 || said.OK || errs != "" {
				t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
			}
			all := strings.ReplaceAll(strings.Join(said.Errors, "\n"), file, "FILE")
			if !strings.Contains(all, tc.says) {
				t.Errorf("no %q in\n%s", tc.says, all)
			}
			if strings.Contains(all, "geheim") || strings.Contains(all, "unmarshal") {
				t.Errorf("what does not belong there in\n%s", all)
			}
			if after := files(t, dir); !slices.Equal(before, after) {
				t.Errorf("before: %q\nafter:  %q", before, after)
			}
			_, errs, code = brief(t, "--config", file, "serve")
			if got := loggedErrors(t, errs); code != 2 || strings.Join(got, "\n") != strings.Join(said.Errors, "\n") {
				t.Errorf("exit %d, serve says\n%s\nand config check\n%s", code, strings.Join(got, "\n"),
					strings.Join(said.Errors, "\n"))
			}
			_, errs, code = brief(t, "--config", file, "send", "--from", "0192:991825827", "--to", "0192:810418052",
				filepath.Join(dir, "hello.txt"))
			if !tc.server && (code != 2 || strings.TrimSpace(errs) != strings.Join(said.Errors, "\n")) {
				t.Errorf("exit %d, send says\n%s\nand config check\n%s", code, errs, strings.Join(said.Errors, "\n"))
			}
		})
	}
}

// A configuration that is in order is said to be, several times, with nothing made; remarks are no errors.
func TestD16InOrder(t *testing.T) {
	dir := configDir(t)
	file := filepath.Join(dir, "ravn.yaml")
	check := func(text string) checked {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		before := files(t, dir)
		out, errs, code := brief(t, "--config", file, "--json", "config", "check", "--connect")
		var said checked
		if err := json.Unmarshal([]byte(out), &said); err != nil || code != 0 || !said.OK || len(said.Errors) > 0 {
			t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
		}
		if after := files(t, dir); !slices.Equal(before, after) {
			t.Errorf("before: %q\nafter:  %q", before, after)
		}
		return said
	}
	if said := check(inOrder); len(said.Remarks) > 0 {
		t.Errorf("remarks %q", said.Remarks)
	}
	text := strings.Replace(inOrder, "  key: key.pem\n",
		"  key: key.pem\n- cert: cert-old.pem\n  key: key-old.pem\n- cert: cert-next.pem\n  key: key-next.pem\n", 1)
	text = strings.Replace(text, "discovery:\n  zone: sml.ravn.test\n",
		"network:\n  proxy: http://u:geheim@127.0.0.1:3128\n", 1)
	t.Setenv("RAVN_SERVICE_HOST", "10.0.0.1") // what Kubernetes sets for a service called ravn
	t.Setenv("RAVN_PORT", "tcp://10.0.0.1:443")
	t.Setenv("RAVN_PORT_443_TCP_ADDR", "10.0.0.1")
	said := strings.Join(check("\ufeff"+strings.ReplaceAll(text, "\n", "\r\n")).Remarks, "\n")
	for _, want := range []string{
		"keys[1] (line 7): the certificate of seat POP900001 expired 29 days ago: it only opens",
		"network.proxy (line 20): connections to SMPs and access points are made by http://127.0.0.1:3128. ",
		"discovery.zone: there is none",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	if strings.Contains(said, "geheim") {
		t.Errorf("the password is in\n%s", said)
	}
}

// PKI-027: ravn certs exits 1 for an expired key, says since when, and is content with a next one that is prepared.
func TestPKI027Certs(t *testing.T) {
	dir := configDir(t)
	file := filepath.Join(dir, "ravn.yaml")
	for _, tc := range []struct {
		more, use, text string
		code            int
	}{
		{"", "own key, current", "valid for 718 days more", 0},
		{"- cert: cert-next.pem\n  key: key-next.pem\n", "own key, next", "valid only in 9 days", 0},
		{"- cert: cert-old.pem\n  key: key-old.pem\n", "own key, previous", "expired 29 days ago", 1},
		{"- cert: cert-second-old.pem\n  key: key-second-old.pem\n", "own key, previous", "expired 29 days ago", 1},
		{"- cert: cert-smp.pem\n  key: key-smp.pem\n", "unsupported-issuer", "own key", 1},
	} {
		text := strings.Replace(inOrder, "  key: key.pem\n", "  key: key.pem\n"+tc.more, 1)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errs, code := brief(t, "--config", file, "certs")
		if code != tc.code || !strings.Contains(out, tc.use) || !strings.Contains(out, tc.text) ||
			strings.Contains(out, "-29 days") {
			t.Errorf("%q: exit %d\n%s%s", tc.more, code, out, errs)
		}
	}
}
