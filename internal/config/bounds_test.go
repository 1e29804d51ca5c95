package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// text is a configuration that is in order, with more.
func withMore(more string) string {
	return "environment: local\nhost: a.example\ndata: d\nkeys: [{p12: x}]\ncerts: {ap_anchors: a}\n" + more
}

// checked parses and checks a configuration.
func checked(t *testing.T, text string, env map[string]string) (*Config, string) {
	t.Helper()
	c, err := Parse([]byte(text), "/", env)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		return c, err.Error()
	}
	return c, ""
}

const inOrder = "as4:\n  listen: 127.0.0.1:1\n  plain: true\ndeliver:\n  folder: f\n"

// Every number and duration has bounds, and nothing else has.
func TestBoundsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	err := walk(reflect.ValueOf(&Config{}).Elem(), "", func(f field) error {
		_, number := f.number()
		b, ok := bounds[f.path]
		seen[f.path] = true
		switch kind := f.value.Kind(); {
		case number != ok:
			return fmt.Errorf("%s, a %s: bounds %v", f.path, kind, b)
		case !number && kind != reflect.String && kind != reflect.Bool && kind != reflect.Slice:
			return fmt.Errorf("%s is a %s, which number does not know", f.path, kind)
		case ok && (b.Min < 0 || b.Min >= b.Max):
			return fmt.Errorf("%s: bounds %v", f.path, b)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for path := range bounds {
		if !seen[path] {
			t.Errorf("bounds of %s, which is no key", path)
		}
	}
	if key := reflect.TypeFor[Key](); true {
		for i := range key.NumField() {
			if k := key.Field(i).Type.Kind(); k != reflect.String {
				t.Errorf("keys[].%s is a %s without bounds", key.Field(i).Name, k)
			}
		}
	}
}

// Each bound holds at its ends and not beyond them, for the file, where the error names key and line, and for the
// environment, where it names the variable. Zero that is written is not taken for a default.
func TestBounds(t *testing.T) {
	_ = walk(reflect.ValueOf(&Config{}).Elem(), "", func(f field) error { // the walk only shows the keys
		b, ok := bounds[f.path]
		if !ok {
			return nil
		}
		section, name, _ := strings.Cut(f.path, ".")
		step := int64(1)
		if f.value.Type() == durationType {
			step = int64(time.Millisecond)
		}
		for n, fine := range map[int64]bool{
			b.Min: true, b.Max: true, b.Min - step: false, b.Max + step: false,
			-b.Max: false, 0: b.Min == 0,
		} {
			value := fmt.Sprint(n)
			if step > 1 {
				value = time.Duration(n).String()
			}
			if f.path == "as4.connections_per_source" && fine {
				value = fmt.Sprint(min(n, 256)) // as4.connections is the smaller bound
			}
			if f.path == "as4.max_bytes" {
				continue // see below: other keys depend on it
			}
			lines := strings.Replace(inOrder, section+":\n", section+":\n  "+name+": "+value+"\n", 1)
			shown := name
			if rule, last, deep := strings.Cut(name, "."); deep {
				lines += section + ":\n  " + rule + ":\n    " + last + ": " + value + "\n"
				// warn is at most page
				if other := map[string]string{"warn": "page", "page": "warn"}[last]; other != "" {
					lines += "    " + other + ": " + value + "\n"
				}
				shown = "  " + last
			} else if !strings.Contains(lines, name) {
				lines += section + ":\n  " + name + ": " + value + "\n"
			}
			if f.path == "as4.connections" && n == b.Min {
				lines = strings.Replace(lines, "as4:\n", "as4:\n  connections_per_source: 1\n", 1)
			}
			text := withMore(lines)
			line := strings.Count(text[:strings.Index(text, "  "+shown+":")], "\n") + 1
			_, err := checked(t, text, nil)
			if want := fmt.Sprintf("%s (line %d): want ", f.path, line); fine != (err == "") ||
				!fine && !strings.Contains(err, want) {
				t.Errorf("%s: %s in the file: got %q, want %q", f.path, value, err, want)
			}
			_, err = checked(t, withMore(inOrder), map[string]string{f.env(): value})
			if want := fmt.Sprintf("%s (%s): want ", f.path, f.env()); !fine && !strings.Contains(err, want) {
				t.Errorf("%s: %s in the environment: got %q, want %q", f.path, value, err, want)
			}
		}
		return nil
	})
	for value, fine := range map[string]bool{
		"1048576": true, "2147483648": true, "1048575": false, "2147483649": false,
		"0": false, "-1": false,
	} {
		if _, err := checked(t, withMore(inOrder),
			map[string]string{"RAVN_AS4_MAX_BYTES": value}); fine != (err == "") {
			t.Errorf("as4.max_bytes %s: %q", value, err)
		}
	}
}

// What no number of the kind is refused when the file is read, with its line.
func TestNumbersThatAreNone(t *testing.T) {
	for _, value := range []string{"many", "1.5", "99999999999999999999", "[1]", "{a: 1}", `"x"`} {
		_, err := Parse([]byte("as4:\n  in_flight: "+value+"\n"), "/", nil)
		if err == nil || !strings.Contains(err.Error(), "line 2") || !strings.Contains(err.Error(), "number") {
			t.Errorf("in_flight: %s: %v", value, err)
		}
	}
	if c, err := Parse([]byte("as4:\n  in_flight:\n"), "/", nil); err != nil || c.AS4.InFlight != 64 {
		t.Errorf("in_flight without a value: %v", err)
	}
	for _, value := range []string{"soon", "5", "1.5.5s", "9999999h", "[1m]"} {
		if _, err := Parse([]byte("as4: {}\nsend:\n  timeout: "+value+"\n"), "/", nil); err == nil {
			t.Errorf("timeout: %s is accepted", value)
		}
	}
}

// What belongs together.
func TestIntakeKeys(t *testing.T) {
	for _, tc := range []struct{ as4, want string }{
		{"connections: 40\n  connections_per_source: 40", ""},
		{
			"connections: 40\n  connections_per_source: 41",
			"as4.connections_per_source (line 8): want at most as4.connections, which is 40, have 41",
		},
		{"spool_bytes: 104857600", ""},
		{
			"spool_bytes: 104857599",
			"as4.spool_bytes (line 7): want 0, or at least as4.max_bytes, which is 104857600, have 104857599",
		},
		{"trusted_proxies: [10.0.0.1, 10.1.0.0/16, '2001:db8::/32', '::ffff:10.0.0.2']", ""},
		{
			"trusted_proxies:\n  - 10.0.0.1\n  - proxy.example",
			`as4.trusted_proxies[1] (line 9): want an address or a network like 10.0.0.0/24, have "proxy.example"`,
		},
		{"trusted_proxies: [0.0.0.0/0]", "as4.trusted_proxies[0] (line 7): 0.0.0.0/0 is everybody"},
		{"trusted_proxies: ['::/0']", "as4.trusted_proxies[0] (line 7): ::/0 is everybody"},
	} {
		c, err := checked(t, withMore(strings.Replace(inOrder, "as4:\n", "as4:\n  "+tc.as4+"\n", 1)), nil)
		if !strings.Contains(err, tc.want) || tc.want == "" && err != "" {
			t.Errorf("%s: got %q, want %q", tc.as4, err, tc.want)
		}
		if tc.want == "" && strings.Contains(tc.as4, "proxies") {
			if got := fmt.Sprint(c.TrustedProxies()); got != "[10.0.0.1/32 10.1.0.0/16 2001:db8::/32 10.0.0.2/32]" {
				t.Errorf("proxies: %s", got)
			}
		}
	}
	behind := strings.Replace(withMore(inOrder), "environment: local", "environment: test", 1)
	if _, err := checked(t, behind, nil); !strings.Contains(err, "as4.trusted_proxies: name the proxy that ends TLS") {
		t.Errorf("a proxy that is not named: %q", err)
	}
	if _, err := checked(t, behind, map[string]string{"RAVN_AS4_TRUSTED_PROXIES": "10.0.0.1"}); err != "" {
		t.Errorf("a proxy that is named: %q", err)
	}
	c, err := checked(t, withMore(inOrder), map[string]string{"RAVN_AS4_TRUSTED_PROXIES": "10.0.0.1, 10.1.0.0/16"})
	if err != "" || len(c.TrustedProxies()) != 2 {
		t.Errorf("from the environment: %v %v", c.TrustedProxies(), err)
	}
}

// Every complaint about a key of the file names its line.
func TestChecksNameTheLine(t *testing.T) {
	text := "environment: somewhere\nhost: '?'\ndata: d\nkeys:\n- p12: x\n- cert: y\nas4:\n" +
		"  listen: 127.0.0.1:99999\n  plain: true\n" +
		"deliver:\n  folder: f\ndiscovery:\n  resolver: dns\nlog:\n  format: xml\n"
	_, err := checked(t, text, nil)
	for _, want := range []string{
		"environment (line 1): ", "host (line 2): ", "keys[1] (line 6): ", "as4.listen (line 8): ",
		"discovery.resolver (line 13): ", "log.format (line 15): ",
	} {
		if !strings.Contains(err, want) {
			t.Errorf("no %q in\n%s", want, err)
		}
	}
}

// D-20: in a private network the endpoint is for this machine alone.
func TestD20LocalListensOnLoopback(t *testing.T) {
	for listen, ok := range map[string]bool{
		"127.0.0.1:1": true, "localhost:1": true, "'[::1]:1'": true, "0.0.0.0:1": false, "192.0.2.1:1": false,
		"':1'": false, "ravn.example:1": false,
	} {
		_, bad := checked(t, withMore(strings.Replace(inOrder, "127.0.0.1:1", listen, 1)), nil)
		if (bad == "") != ok || !ok && !strings.Contains(bad, "D-20") {
			t.Errorf("%s: %q", listen, bad)
		}
	}
}

// A switch whose default is on can be switched off, in the file and by the environment.
func TestSwitchOff(t *testing.T) {
	const off = "as4:\n  accept_base64: "
	for _, tc := range []struct {
		text, env string
		want      bool
	}{
		{"", "", true},
		{off, "", true},
		{off + "true", "", true},
		{off + "false", "", false},
		{"", "false", false},
		{off + "false", "true", true},
	} {
		env := map[string]string{}
		if tc.env != "" {
			env["RAVN_AS4_ACCEPT_BASE64"] = tc.env
		}
		c, err := Parse([]byte(tc.text), "/", env)
		if err != nil || c.AS4.AcceptBase64 != tc.want {
			t.Errorf("%+v: %v, %v", tc, c, err)
		}
	}
}
