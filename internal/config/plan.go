package config

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/ravn-ap/ravn/internal/routes"
	"github.com/ravn-ap/ravn/peppol"
)

// Bounds of the waits between attempts.
const (
	minWait  = time.Second
	maxWait  = 24 * time.Hour
	maxWaits = 50
	maxPlans = 1000
)

// RetryWaits returns the waits between the attempts to send a message (D-12). The text was checked.
func (c *Config) RetryWaits() []time.Duration { return waitsOf(c.Send.Retry) }

func waitsOf(texts []string) (list []time.Duration) {
	for _, text := range texts {
		d, _ := time.ParseDuration(text)
		list = append(list, d)
	}
	return list
}

// RetryPlan returns the waits and the end of the plan of a message (D-12). docType is scheme::value.
func (c *Config) RetryPlan(tenant, docType string) (waits []time.Duration, giveUp time.Duration) {
	retry, end := c.Send.Retry, c.Send.GiveUp
	for i, p := range c.Send.Plans {
		if p.fits(tenant, docType) {
			if p.Retry != nil {
				retry = p.Retry
			}
			if c.given(planKey(i, "give_up_after")) {
				end = p.GiveUp
			}
			break
		}
	}
	return waitsOf(retry), time.Duration(end)
}

// LongestPlan returns the latest end that a plan has.
func (c *Config) LongestPlan() time.Duration {
	longest := c.Send.GiveUp
	for _, p := range c.Send.Plans {
		longest = max(longest, p.GiveUp)
	}
	return time.Duration(longest)
}

func planKey(i int, key string) string { return fmt.Sprintf("send.plans[%d].%s", i, key) }

// fits reports whether a plan is for the messages of a tenant with a document type, scheme::value.
func (p Plan) fits(tenant, docType string) bool {
	return (p.Tenant == "" || p.Tenant == tenant) && routes.Like(p.pattern(), docType)
}

// pattern is what document types, scheme::value, are compared with.
func (p Plan) pattern() string { return cmp.Or(routes.DocTypePattern(p.DocumentType), "*") }

func (c *Config) checkPlan(bad complain) {
	checkWaits("send.retry", c.Send.Retry, bad)
	if n := len(c.Send.Plans); n > maxPlans {
		bad("send.plans", "want at most %d plans, have %d", maxPlans, n)
	}
	end, _ := BoundOf("send.give_up_after")
	for i, p := range c.Send.Plans {
		checkWaits(planKey(i, "retry"), p.Retry, bad)
		key, n := planKey(i, "give_up_after"), int64(p.GiveUp)
		if c.given(key) && (n < end.Min || n > end.Max) {
			bad(key, "want %s to %s, have %s", shortDuration(time.Duration(end.Min)),
				shortDuration(time.Duration(end.Max)), shortDuration(time.Duration(p.GiveUp)))
		}
		if p.Tenant == "" && p.DocumentType == "" {
			bad(fmt.Sprintf("send.plans[%d]", i), "want tenant, document_type or both: "+
				"what is for all messages stands in send.retry and send.give_up_after")
		}
		if p.Tenant != "" && !c.HasTenant(p.Tenant) {
			bad(planKey(i, "tenant"), "%q is not among the tenants", p.Tenant)
		}
		if t := p.DocumentType; t != "" && !strings.Contains(t, "*") {
			if _, err := peppol.ParseDocType(t); err != nil {
				bad(planKey(i, "document_type"), "%v", err)
			}
		}
	}
}

func checkWaits(path string, list []string, bad complain) {
	if n := len(list); n > maxWaits {
		bad(path, "want at most %d waits, have %d", maxWaits, n)
	}
	for i, text := range list {
		switch d, err := time.ParseDuration(text); {
		case err != nil:
			bad(fmt.Sprintf("%s[%d]", path, i), "want a duration like 30s or 5m, have %q", text)
		case d < minWait || d > maxWait:
			bad(fmt.Sprintf("%s[%d]", path, i), "want %s to %s, have %s", shortDuration(minWait),
				shortDuration(maxWait), text)
		}
	}
}

// UnusedPlans calls found for each of send.plans that is the plan of no message, because an earlier one is.
func (c *Config) UnusedPlans(found func(path, earlier string)) {
	for i, p := range c.Send.Plans {
		for j, q := range c.Send.Plans[:i] {
			// a * of p is taken as a character that only a * of q stands for
			if (q.Tenant == "" || q.Tenant == p.Tenant) && routes.Like(q.pattern(), p.pattern()) {
				path := fmt.Sprintf("send.plans[%d]", j)
				found(fmt.Sprintf("send.plans[%d]", i), path+c.Where(path))
				break
			}
		}
	}
}
