package bench

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Loop sends in a closed loop: each worker sends its next message when send has returned. after, which may be nil, is
// waited for at the end and counts like the sending.
func Loop(ctx context.Context, o Options, send, after func(context.Context) error) (*Report, error) {
	workers := o.Workers
	if workers == 0 {
		workers = 16
	}
	start, cpu := time.Now(), SelfCPU()
	end := start.Add(time.Duration(o.Seconds) * time.Second)
	var started atomic.Int64
	more := func() bool {
		if o.Count > 0 {
			return started.Add(1) <= int64(o.Count)
		}
		return time.Now().Before(end)
	}
	rep := &Report{}
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil && more() {
				at := time.Now()
				err := send(ctx)
				took := time.Since(at)
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
				} else {
					rep.Latencies = append(rep.Latencies, float64(took.Microseconds())/1e3)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	if after != nil && len(errs) == 0 {
		errs = append(errs, after(ctx))
	}
	rep.Seconds, rep.CPU = time.Since(start).Seconds(), SelfCPU()-cpu
	return rep, errors.Join(errs...)
}
