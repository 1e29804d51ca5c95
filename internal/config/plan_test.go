package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ravn-ap/ravn/internal/routes"
)

// AS4-121: the waits between attempts are what the file or the environment says, and by default those of D-12.
func TestAS4121RetryWaits(t *testing.T) {
	for _, c := range []struct {
		text, env string
		want      string
	}{
		{"", "", "[1m0s 2m0s 5m0s 10m0s 20m0s 40m0s] 24h0m0s"},
		{"send:\n  retry: [30s, 1h]\n  give_up_after: 2h\n", "", "[30s 1h0m0s] 2h0m0s"},
		{"send:\n  retry: [30s, 1h]\n", "5s, 24h", "[5s 24h0m0s] 24h0m0s"},
	} {
		env := map[string]string{}
		if c.env != "" {
			env["RAVN_SEND_RETRY"] = c.env
		}
		cfg, err := Parse([]byte(c.text), "/", env)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(cfg.RetryWaits(), " ", time.Duration(cfg.Send.GiveUp)); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}

// AS4-121: a plan that could not be kept is refused, with its line.
func TestAS4121RetryIsChecked(t *testing.T) {
	long := strings.Repeat("1m, ", maxWaits) + "1m"
	for text, want := range map[string]string{
		"send:\n  retry: [1m, 0s]\n":         "send.retry[1] (line 2): want 1s to 24h, have 0s",
		"send:\n  retry:\n  - 1m\n  - -5m\n": "send.retry[1] (line 4): want 1s to 24h, have -5m",
		"send:\n  retry: [25h]\n":            "send.retry[0] (line 2): want 1s to 24h, have 25h",
		"send:\n  retry: [soon]\n":           `send.retry[0] (line 2): want a duration like 30s or 5m, have "soon"`,
		"send:\n  retry: [" + long + "]\n":   "send.retry (line 2): want at most 50 waits, have 51",
		"send:\n  give_up_after: 0s\n":       "send.give_up_after (line 2): want 1m to 720h, have 0s",
		"send:\n  workers: 0\n":              "send.workers (line 2): want 1 to 256, have 0",
		"send:\n  per_access_point: -1\n":    "send.per_access_point (line 2): want 1 to 256, have -1",
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

const plans = `tenants: [acme, beta]
send:
  give_up_after: 12h
  plans:
  - {tenant: acme, document_type: "*::Invoice##*", retry: [7s]}
  - {tenant: acme, give_up_after: 2h}
  - document_type: urn:peppol:edec:mls:1.0::ApplicationResponse##urn:peppol:edec:mls:1.0::2.1
    retry: [1s, 2s]
    give_up_after: 48h
`

// D-12: the first plan that fits tenant and document type is that of a message, and what it does not say is as for all.
func TestD12FirstPlanWins(t *testing.T) {
	c, err := Parse([]byte(plans), "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	const invoice, mls = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##c::2.1",
		"busdox-docid-qns::urn:peppol:edec:mls:1.0::ApplicationResponse##urn:peppol:edec:mls:1.0::2.1"
	const usual = "[1m0s 2m0s 5m0s 10m0s 20m0s 40m0s]"
	for _, x := range []struct{ tenant, docType, want string }{
		{"acme", invoice, "[7s] 12h0m0s"},
		{"acme", mls, usual + " 2h0m0s"},
		{"beta", mls, "[1s 2s] 48h0m0s"},
		{"beta", invoice, usual + " 12h0m0s"},
		{"default", mls + "1", usual + " 12h0m0s"},
	} {
		waits, giveUp := c.RetryPlan(x.tenant, x.docType)
		if got := fmt.Sprint(waits, " ", giveUp); got != x.want {
			t.Errorf("%s, %s: %s, want %s", x.tenant, x.docType, got, x.want)
		}
	}
	if got := c.LongestPlan(); got != 48*time.Hour {
		t.Errorf("the longest is %s", got)
	}
	if err := c.Check(); strings.Contains(fmt.Sprint(err), "send.") {
		t.Error(err)
	}
}

// D-12: a plan that could not be kept, or is nobody's, is refused, with its line.
func TestD12PlansAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"{tenant: default, retry: [1m, 0s]}": "send.plans[0].retry[1] (line 3): want 1s to 24h, have 0s",
		"{tenant: default, retry: [-1m]}":    "send.plans[0].retry[0] (line 3): want 1s to 24h, have -1m",
		"{tenant: acme, retry: [1m]}":        `send.plans[0].tenant (line 3): "acme" is not among the tenants`,
		"{tenant: default, give_up_after: 0s}": "send.plans[0].give_up_after (line 3): want 1m to 720h, " +
			"have 0s",
		"{tenant: default, give_up_after: soon}": "send.plans[0].give_up_after (line 3): want a duration like",
		"{document_type: x y}":                   "send.plans[0].document_type (line 3): ",
		"{retry: [1m]}":                          "send.plans[0] (line 3): want tenant, document_type or both",
		"{tenants: acme}":                        "no key has this name here",
	} {
		c, err := Parse([]byte("send:\n  plans:\n  - "+text+"\n"), "/", nil)
		if err == nil {
			err = c.Check()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q is missing in %v", text, want, err)
		}
	}
}

// D-12: a plan behind one that fits all that it fits is never used, and that is said.
func TestD12UnusedPlans(t *testing.T) {
	for text, want := range map[string]string{
		plans: "",
		`tenants: [a]
send:
  plans:
  - {tenant: a}
  - {tenant: default, document_type: "*"}
  - {tenant: a, document_type: "*::Invoice##*"}
  - {document_type: "*::Invoice##*"}
  - {tenant: default}
  - {document_type: "*Invoice##urn*peppol*"}
  - {document_type: "urn:x::Invoice##urn:peppol::2.1"}
`: "[2] behind [0] (line 4) [4] behind [1] (line 5) [6] behind [3] (line 7) ",
	} {
		c, err := Parse([]byte(text), "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		c.UnusedPlans(func(path, earlier string) {
			got += strings.ReplaceAll(path+" behind "+earlier+" ", "send.plans", "")
		})
		if got != want {
			t.Errorf("unused: %s, want %s", got, want)
		}
	}
}

func TestLike(t *testing.T) {
	for _, x := range []struct {
		pattern, text string
		want          bool
	}{
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"*b*c", "abxbc", true},
		{"*b*c", "abxb", false},
		{"**", "", true},
		{"ab", "abc", false},
		{"*Invoice##*", "s::Invoice##x", true},
	} {
		if got := routes.Like(x.pattern, x.text); got != x.want {
			t.Errorf("Like(%q, %q) = %t", x.pattern, x.text, got)
		}
	}
}
