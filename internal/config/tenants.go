package config

import (
	"fmt"
	"regexp"
	"slices"
)

// tenantForm is that of the name of a tenant: it becomes part of file names and labels.
var tenantForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)

func (c *Config) checkTenants(bad complain) {
	seen := map[string]bool{}
	for i, name := range c.Tenants {
		switch path := fmt.Sprintf("tenants[%d]", i); {
		case !tenantForm.MatchString(name):
			bad(path, "want small letters, digits and hyphens, at most 64, have %q", name)
		case seen[name]:
			bad(path, "%q stands there twice", name)
		}
		seen[name] = true
	}
}

// defaultTenant is db.DefaultTenant.
const defaultTenant = "default"

// HasTenant reports whether a name is that of a tenant.
func (c *Config) HasTenant(name string) bool {
	return name == defaultTenant || slices.Contains(c.Tenants, name)
}
