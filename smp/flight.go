package smp

import (
	"context"
	"sync"
)

// flight lets callers that ask the same question at the same time share one answer. The work is not cancelled when the
// caller that began it goes away, but when the last one does. The zero value is ready for use.
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

// share returns the result of work, or of the same work that another caller has begun.
func (f *flight) share(
	ctx context.Context, key string, work func(context.Context) (*metadata, error),
) (*metadata, error) {
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

// leave is called by a caller that stops waiting.
func (f *flight) leave(key string, c *call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.waiting--; c.waiting == 0 {
		c.cancel()
		f.remove(key, c) // the next caller must not share the cancelled work
	}
}

func (f *flight) remove(key string, c *call) {
	if f.calls[key] == c {
		delete(f.calls, key)
	}
}
