package config

import (
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/db"
)

func TestTenants(t *testing.T) {
	c := &Config{Tenants: []string{"acme", "Acme", "a b", "-x", "acme", "../x", strings.Repeat("a", 65), "n0-1"}}
	var bad []string
	c.checkTenants(func(path, _ string, _ ...any) { bad = append(bad, path) })
	if got, want := strings.Join(bad, " "),
		"tenants[1] tenants[2] tenants[3] tenants[4] tenants[5] tenants[6]"; got != want {
		t.Errorf("refused: %s, want %s", got, want)
	}
	for name, want := range map[string]bool{db.DefaultTenant: true, "acme": true, "beta": false, "": false} {
		if got := c.HasTenant(name); got != want {
			t.Errorf("HasTenant(%q) = %t, want %t", name, got, want)
		}
	}
}
