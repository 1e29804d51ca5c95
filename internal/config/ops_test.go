package config

import (
	"strings"
	"testing"
)

// API-080: what has no login can be reached from elsewhere only if the operator says so, with the line; and in local
// not at all (D-20).
func TestAPI080OpsListen(t *testing.T) {
	const elsewhere = `can be reached from other machines, and the listener has no login: listen on 127.0.0.1, ` +
		`or set ops.public`
	for _, c := range [][2]string{
		{"environment: test\n", ""},
		{"environment: test\nops:\n  listen: 127.0.0.1:9445\n", ""},
		{"environment: test\nops:\n  listen: '[::1]:9445'\n", ""},
		{"environment: test\nops:\n  listen: 0.0.0.0:9445\n  public: true\n", ""},
		{"environment: test\nops:\n  listen: 0.0.0.0:9445\n", `(line 3): "0.0.0.0" ` + elsewhere},
		{"environment: test\nops:\n  listen: ':9445'\n", `(line 3): "" ` + elsewhere},
		{"environment: test\nops:\n  listen: 10.1.2.3:9445\n", `(line 3): "10.1.2.3" ` + elsewhere},
		{"environment: local\nops:\n  listen: 10.1.2.3:9445\n  public: true\n", "(line 3): local listens on loopback"},
		{"environment: test\nops:\n  listen: 9445\n", "(line 3): want host:port"},
		{"environment: test\nops:\n  public: true\n", "(line 3): ops.listen is missing"},
		{"as4: {listen: '127.0.0.1:9'}\nops: {listen: '127.0.0.1:9'}\n", "(line 2): 127.0.0.1:9 is as4.listen"},
	} {
		text, want := c[0], c[1]
		c, err := Parse([]byte(text), "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for line := range strings.Lines(errorText(c.Check())) {
			if strings.Contains(line, ": ops.") {
				got += line
			}
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
