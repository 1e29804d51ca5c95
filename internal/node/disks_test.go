package node

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// OPS-080, REL-060: a disk that hangs is known to after two seconds, then at once, holds one goroutine however often it
// is asked, and is believed again when it answers.
func TestREL060DiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs, asked := make(chan struct{}), atomic.Int64{}
		d := &disks{ask: func(dir string) (uint64, uint64, error) {
			if dir == "slow" {
				asked.Add(1)
				<-hangs
			}
			return 1, 2, nil
		}}
		for _, want := range []time.Duration{diskLimit, 0, 0} {
			began := time.Now()
			if _, _, err := d.space("slow"); !errors.Is(err, errDiskSilent) || time.Since(began) != want {
				t.Errorf("%v after %s, want %s", err, time.Since(began), want)
			}
		}
		if free, total, err := d.space("fast"); free != 1 || total != 2 || err != nil || asked.Load() != 1 {
			t.Errorf("%d of %d: %v; asked %d times", free, total, err, asked.Load())
		}
		close(hangs)
		synctest.Wait()
		if free, _, err := d.space("slow"); free != 1 || err != nil {
			t.Errorf("it answers again: %d %v", free, err)
		}
	})
}
