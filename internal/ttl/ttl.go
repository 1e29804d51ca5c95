// Package ttl remembers answers for a time.
package ttl

import (
	"sync"
	"time"
)

// Map holds values until their time is over. Its zero value is empty and ready; it may be used by many at once.
type Map[K comparable, V any] struct {
	mu      sync.Mutex
	entries map[K]entry[V]
}

type entry[V any] struct {
	value V
	until time.Time
}

// Get returns the value of key if its time is not over.
func (m *Map[K, V]) Get(key K, now time.Time) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok || !now.Before(e.until) {
		var none V
		return none, false
	}
	return e.value, true
}

// Put remembers v until the given time, which may be over already. It makes room first when limit entries are there.
func (m *Map[K, V]) Put(key K, v V, now, until time.Time, limit int) {
	if !now.Before(until) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = map[K]entry[V]{}
	}
	if len(m.entries) >= limit {
		m.shrink(now, limit/2)
	}
	m.entries[key] = entry[V]{v, until}
}

// shrink makes room: what is out of date goes, and if that is not enough, as much of the rest.
func (m *Map[K, V]) shrink(now time.Time, keep int) {
	for key, e := range m.entries {
		if !now.Before(e.until) {
			delete(m.entries, key)
		}
	}
	for key := range m.entries {
		if len(m.entries) <= keep {
			return
		}
		delete(m.entries, key)
	}
}

// Drop forgets the keys for which match says so.
func (m *Map[K, V]) Drop(match func(K) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.entries {
		if match(key) {
			delete(m.entries, key)
		}
	}
}

// Len returns how many values are held, those out of date among them.
func (m *Map[K, V]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries)
}
