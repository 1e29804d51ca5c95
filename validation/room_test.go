package validation

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ravn-ap/ravn/internal/golden"
)

// Checks get their places in the order in which they came, also when a later one would fit; one that gives up lets
// those behind it pass; what is larger than the room never waits.
func TestRoomInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := &Room{Bytes: 100}
		first, err := room.Take(t.Context(), Need{Bytes: 60})
		if err != nil {
			t.Fatal(err)
		}
		var large *TooLarge
		if _, err := room.Take(t.Context(), Need{Bytes: 101}); !errors.As(err, &large) ||
			*large != (TooLarge{101, 100}) {
			t.Errorf("larger than the room: %v", err)
		}
		var mu sync.Mutex
		var came []int64
		places := map[int64]*Place{}
		take := func(ctx context.Context, need int64) {
			go func() {
				p, err := room.Take(ctx, Need{Bytes: need})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					need = -need // it gave up
				}
				came, places[need] = append(came, need), p
			}()
			synctest.Wait()
		}
		impatient, stop := context.WithCancel(t.Context())
		take(impatient, 70)
		take(t.Context(), 30) // would fit, and waits
		take(t.Context(), 50)
		if len(came) != 0 {
			t.Fatalf("%v came before their turn", came)
		}
		stop()
		synctest.Wait()
		slices.Sort(came)
		if !slices.Equal(came, []int64{-70, 30}) {
			t.Fatalf("%v, want that 70 gives up and 30 gets its place", came)
		}
		first.Free()
		synctest.Wait()
		if !slices.Equal(came, []int64{-70, 30, 50}) || room.taken != 80 {
			t.Fatalf("%v, %d taken, want 30 and 50 in their places", came, room.taken)
		}
		if b := places[50].Budget(); b != (Budget{Bytes: 50, Steps: 50 * stepsPerByte}) {
			t.Errorf("budget of the second: %+v", b)
		}
		places[30].Free()
		places[50].Free()
		if room.taken != 0 || len(room.queue) != 0 {
			t.Errorf("%d taken, %d wait in an empty room", room.taken, len(room.queue))
		}
	})
}

// A place that is given to a check in the moment in which it gives up is free again.
func TestRoomGivesBack(t *testing.T) {
	for range 200 {
		room := &Room{Bytes: 10}
		held, err := room.Take(t.Context(), Need{Bytes: 10})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan *Place)
		go func() {
			p, _ := room.Take(ctx, Need{Bytes: 10})
			done <- p
		}()
		go stop()
		held.Free()
		if p := <-done; p != nil {
			p.Free()
		}
		if room.taken != 0 || len(room.queue) != 0 {
			t.Fatalf("%d taken, %d wait", room.taken, len(room.queue))
		}
	}
}

// What a document needs is at least what it takes, and is known without keeping it.
func TestNeed(t *testing.T) {
	doc := golden.Invoice(t)
	need, err := ReadNeed(bytes.NewReader(doc), 1<<20)
	if err != nil || need.Document != int64(len(doc)) || need.Bytes < LeastNeed(need.Document)+int64(len(doc)) ||
		need.Bytes > LeastNeed(need.Document)+4*int64(len(doc)) {
		t.Errorf("%+v for %d bytes, %v", need, len(doc), err)
	}
	if need, _ := ReadNeed(bytes.NewReader(doc), 100); need.Document != 100 {
		t.Errorf("%d bytes read of at most 100", need.Document)
	}
}

// A document that takes more memory, steps or time than it may is not checked, and the report says which.
func TestBudgets(t *testing.T) {
	v, doc := New(sharedPacks(t)), golden.Read(t, baseExample)
	checked(t, v, doc)
	for _, tc := range []struct {
		budget Budget
		time   time.Duration
		want   string
	}{
		{Budget{Bytes: 20_000}, time.Minute, "the document needs"},
		{Budget{Steps: 100}, time.Minute, "more steps"},
		{Budget{}, -1, "longer than it may"},
	} {
		ctx, stop := context.WithTimeout(t.Context(), tc.time)
		rep, err := v.Validate(ctx, Request{Body: doc, On: time.Now(), Budget: tc.budget})
		if err != nil || rep.Verdict != NotChecked || !strings.Contains(rep.Reason, tc.want) || len(rep.Findings) != 0 {
			t.Errorf("%+v in %v: %+v, %v", tc.budget, tc.time, rep, err)
		}
		stop()
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if rep, err := v.Validate(ctx, Request{Body: doc, On: time.Now()}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v %v", rep, err)
	}
}
