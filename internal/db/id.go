package db

import "github.com/google/uuid"

// DefaultTenant is the tenant of an installation that serves one company.
const DefaultTenant = "default"

// NewID returns a new UUIDv7, the key of messages and other rows. Its text sorts by time.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }
