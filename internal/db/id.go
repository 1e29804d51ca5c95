package db

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

// DefaultTenant is the tenant of an installation that serves one company.
const DefaultTenant = "default"

// NewID returns a new UUIDv7, the key of messages and other rows. Its text sorts by time.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// FirstID is lower than all ids that NewID makes from a time on, and higher than those of earlier milliseconds.
func FirstID(t time.Time) string {
	ms := max(t.UnixMilli(), 0)
	return fmt.Sprintf("%08x-%04x-7000-8000-000000000000", ms>>16, ms&0xffff)
}
