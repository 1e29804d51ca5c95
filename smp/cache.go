package smp

import (
	"context"
	"sync"
	"time"

	"github.com/ravn-ap/ravn/peppol"
)

// maxCached bounds the cache (DISC-052).
const maxCached = 1000

// cache holds verified metadata. The base URL of the SMP is part of the key, so that nothing is found for a participant that
// has moved (DISC-052). Its zero value is empty.
type cache struct {
	mu      sync.Mutex
	entries map[cacheKey]cached
}

type cacheKey struct {
	base        string
	participant string // peppol.ParticipantID.Key
	doctype     peppol.DocTypeID
}

type cached struct {
	metadata *metadata
	until    time.Time
}

func (c *cache) get(key cacheKey, now time.Time) *metadata {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok || !now.Before(e.until) {
		return nil
	}
	m := *e.metadata
	m.cached = true
	return &m
}

func (c *cache) put(key cacheKey, m *metadata, now, until time.Time) {
	if !now.Before(until) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = map[cacheKey]cached{}
	}
	if len(c.entries) >= maxCached {
		c.shrink(now)
	}
	c.entries[key] = cached{m, until}
}

// shrink makes room: what is out of date goes, and if that is not enough, half of the rest.
func (c *cache) shrink(now time.Time) {
	for key, e := range c.entries {
		if !now.Before(e.until) {
			delete(c.entries, key)
		}
	}
	for key := range c.entries {
		if len(c.entries) <= maxCached/2 {
			return
		}
		delete(c.entries, key)
	}
}

// drop removes what is known of a participant and a document type, at whatever SMP.
func (c *cache) drop(r peppol.ParticipantID, d peppol.DocTypeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.entries {
		if key.participant == r.Key() && key.doctype == d {
			delete(c.entries, key)
		}
	}
}

// flight lets callers who ask the same question at the same time share one answer. The work does not end with the caller
// who began it, but with the last one who waits. Its zero value is ready.
type flight struct {
	mu    sync.Mutex
	calls map[string]*call
}

type call struct {
	done    chan struct{}
	waiting int
	cancel  context.CancelFunc
	result  *metadata
	err     error
}

func (f *flight) do(ctx context.Context, key string, work func(context.Context) (*metadata, error)) (*metadata, error) {
	f.mu.Lock()
	c, ok := f.calls[key]
	if !ok {
		c = f.start(ctx, key, work)
	}
	c.waiting++
	f.mu.Unlock()
	select {
	case <-c.done:
		return c.result, c.err
	case <-ctx.Done():
		f.leave(key, c)
		return nil, ctx.Err()
	}
}

// start begins the work. The caller holds the lock.
func (f *flight) start(ctx context.Context, key string, work func(context.Context) (*metadata, error)) *call {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &call{done: make(chan struct{}), cancel: cancel}
	if f.calls == nil {
		f.calls = map[string]*call{}
	}
	f.calls[key] = c
	go func() {
		defer cancel()
		c.result, c.err = work(ctx)
		f.mu.Lock()
		f.remove(key, c)
		f.mu.Unlock()
		close(c.done)
	}()
	return c
}

// leave is called by one who does not wait any longer.
func (f *flight) leave(key string, c *call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.waiting--; c.waiting == 0 {
		c.cancel()
		f.remove(key, c) // who comes next must not get this one's cancellation
	}
}

func (f *flight) remove(key string, c *call) {
	if f.calls[key] == c {
		delete(f.calls, key)
	}
}
