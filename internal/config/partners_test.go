package config

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/peppol"
)

// DISC-049, DISC-067, DISC-086, SEC-111, SBDH-027: what is known of partners, from the file and from the environment.
func TestDISC049Partners(t *testing.T) {
	const first, second = "busdox-docid-qns::urn:a::B##c::1", "busdox-docid-qns::urn:a::B##d::1"
	file := "discovery: {canary: '0192:991825827', old_canonicalization: true}\n" +
		"network: {deny: [192.0.2.7, 198.51.100.0/24]}\n" +
		"send: {hold: 36h}\nsbdh: {full_standard: ['" + first + "', '" + second + "']}\n"
	fromFile, err := Parse([]byte(file), "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"RAVN_DISCOVERY_CANARY": "0192:991825827", "RAVN_DISCOVERY_OLD_CANONICALIZATION": "true",
		"RAVN_NETWORK_DENY": "192.0.2.7, 198.51.100.0/24",
		"RAVN_SEND_HOLD":    "36h", "RAVN_SBDH_FULL_STANDARD": first + "," + second,
	}
	fromEnv, err := Parse(nil, "/", env)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Config{"file": fromFile, "environment": fromEnv} {
		want := []netip.Prefix{netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("198.51.100.0/24")}
		if got := c.Denied(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: denied %v", name, got)
		}
		if c.Canary().Value() != "0192:991825827" || !c.Discovery.OldForm ||
			time.Duration(c.Send.Hold) != 36*time.Hour {
			t.Errorf("%s: %+v, %s", name, c.Discovery, c.Send.Hold)
		}
		for id, want := range map[string]bool{first: true, second: true, "busdox-docid-qns::urn:a::B##e::1": false} {
			if d, err := peppol.ParseDocType(id); err != nil || c.FullStandard(d) != want {
				t.Errorf("%s: %s: not %t, %v", name, id, want, err)
			}
		}
	}
	empty, err := Parse(nil, "/", nil)
	if err != nil || !empty.Canary().IsZero() || empty.Denied() != nil ||
		time.Duration(empty.Send.Hold) != 24*time.Hour {
		t.Errorf("defaults: %v, %v, %s, %v", empty.Canary(), empty.Denied(), empty.Send.Hold, err)
	}
	if c, err := Parse([]byte("send: {hold: 0s}\n"), "/", nil); err != nil || c.Send.Hold != 0 {
		t.Errorf("no hold: %s, %v", c.Send.Hold, err)
	}
}

// D-16: wrong values are named with their key and line.
func TestD16PartnersAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"discovery:\n  canary: nobody\n":            "discovery.canary (line 2)",
		"network:\n  deny: [10.0.0.1, everybody]\n": "network.deny[1]",
		"sbdh:\n  full_standard:\n  - urn:a\n":      "sbdh.full_standard[0]",
		"send:\n  hold: -1h\n":                      "send.hold (line 2): want 0s to 720h, have -1h",
		"send:\n  hold: 721h\n":                     "send.hold (line 2): want 0s to 720h, have 721h",
	} {
		c, err := Parse([]byte(text), "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q is missing in %v", text, want, err)
		}
	}
}
