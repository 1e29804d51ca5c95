package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// accountsNode makes a configuration for the commands that need the record alone.
func accountsNode(t *testing.T) (config string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "node")
	if _, errs, code := call(t, "quickstart", "--environment", "local", "--dir", dir); code != 0 {
		t.Fatal(errs)
	}
	return filepath.Join(dir, "ravn.yaml")
}

// Files of customers and participants as people make them: nothing of a wrong one enters the record, and the message
// names the place.
func TestTextFiles(t *testing.T) {
	cfg := accountsNode(t)
	const head = "id,name,country,counts_as,participants\n"
	file := filepath.Join(t.TempDir(), "list.csv")
	for _, tc := range []struct {
		name, command, text string
		more                []string
		exit                int
		want                string // in what is said
	}{
		{
			"good", "customers", head + "1,Bjørn AS,NO,,0192:991825827\n2,Åse AS,NO,,0192:810418052\n", nil, 0,
			"2 customers",
		},
		{
			"Windows-1252", "customers", head + "1,Bjørn AS,NO,,\n3,\"B\xf8rge\nog bror\",NO,,\n", nil, 1,
			"line 3 column 5: the byte 0xF8 is not UTF-8",
		},
		{"UTF-16", "customers", "\xff\xfei\x00d\x00", nil, 1, "UTF-16"},
		{"NUL", "customers", head + "1,a\x00b,NO,,\n", nil, 1, "line 2 column 4: a NUL"},
		{"a customer twice", "customers", head + "3,C,NO,,\n4,D,NO,,\n3,E,NO,,\n", nil, 1, "line 4, after line 2"},
		{"a participant of another", "customers", head + "5,E,NO,,0192:810418052\n", nil, 1, "line 2"},
		{"replaced", "customers", head + "5,E,NO,,0192:810418052\n5,F,NO,,\n", []string{"--replace"}, 0, "2 customers"},
		{
			"participants in Windows-1252", "participants", "0192:991825827,busdox-docid-qns::a::b##c::1,p\xe5\n", nil,
			2,
			"line 1 column 46",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, errs, code := call(t, append([]string{"--config", cfg, tc.command, "import", file}, tc.more...)...)
			if code != tc.exit || !strings.Contains(out+errs, tc.want) {
				t.Errorf("exit %d: %s%s", code, out, errs)
			}
			if offers := strings.Contains(errs, "--replace"); offers != (strings.Contains(tc.name, "another") ||
				strings.Contains(tc.name, "twice")) {
				t.Errorf("--replace is offered: %v, %s", offers, errs)
			}
		})
	}
	const want = "id,name,country,counts_as,participants\n1,Bjørn AS,NO,,0192:991825827\n2,Åse AS,NO,,\n" +
		"5,F,NO,,0192:810418052\n"
	if out, errs, code := call(t, "--config", cfg, "customers", "export"); code != 0 || out != want {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	for _, tc := range [][]string{{"set", "6", "--name", "B\xf8rge"}, {"set", "6", "--participant", "0192:810418052"}} {
		if _, errs, code := call(t, append([]string{"--config", cfg, "customers"}, tc...)...); code != 1 ||
			!strings.Contains(errs, "RAVN-4007") {
			t.Errorf("%q: exit %d: %s", tc, code, errs)
		}
	}
}
