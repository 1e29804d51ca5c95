package queue

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// REL-063, OPS-122: work that a reload leaves behind has all its time; Grace begins when the process is to end.
func TestREL063GraceBeginsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, reloads := range []bool{false, true} {
			ctx, end := context.WithCancel(t.Context())
			work, stop := context.WithCancel(context.WithoutCancel(ctx))
			ending := make(chan struct{})
			r := &Runner{Grace: time.Minute}
			if reloads {
				r.Ending = ending
			}
			go r.cutOff(ctx, work, stop)
			end()
			time.Sleep(59 * time.Second)
			if work.Err() != nil {
				t.Errorf("reloads %t: cut off before Grace was over", reloads)
			}
			time.Sleep(time.Hour)
			if cut := work.Err() != nil; cut == reloads {
				t.Errorf("reloads %t: cut off an hour later: %t", reloads, cut)
			}
			close(ending)
			time.Sleep(time.Minute)
			synctest.Wait()
			if work.Err() == nil {
				t.Errorf("reloads %t: not cut off at the end", reloads)
			}
			stop()
		}
	})
}
