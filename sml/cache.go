package sml

import (
	"sync"
	"time"
)

// Limits of the cache (DISC-051).
const (
	maxPositive = 5 * time.Minute
	maxNegative = time.Minute
	maxEntries  = 10_000
)

// cache remembers answers by participant. Its zero value is empty.
type cache struct {
	mu      sync.Mutex
	entries map[string]entry
}

type entry struct {
	answer
	until time.Time
}

func (c *cache) get(key string, now time.Time) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	return e.answer, ok && now.Before(e.until)
}

func (c *cache) put(key string, a answer, now time.Time) {
	if a.ttl <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = map[string]entry{}
	}
	if len(c.entries) >= maxEntries {
		c.shrink(now)
	}
	c.entries[key] = entry{a, now.Add(a.ttl)}
}

// shrink makes room: what is out of date goes, and if that is not enough, half of the rest.
func (c *cache) shrink(now time.Time) {
	for key, e := range c.entries {
		if !now.Before(e.until) {
			delete(c.entries, key)
		}
	}
	for key := range c.entries {
		if len(c.entries) <= maxEntries/2 {
			return
		}
		delete(c.entries, key)
	}
}

func (c *cache) drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
}
