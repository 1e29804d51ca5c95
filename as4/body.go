package as4

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/ravn-ap/ravn/as4/intake"
)

// Pace says how slow a client may be (SEC-012).
type Pace struct {
	Grace  time.Duration // from the start of a body until Rate applies
	Rate   int64         // least bytes per second, averaged over Window
	Window time.Duration // also the longest silence after Grace
	Total  time.Duration // for a whole body that is slower than Bulk
	Bulk   int64         // average bytes per second at which a body may take longer than Total
	Answer time.Duration // for the client to read the response
}

// DefaultPace is what SEC-012 asks for. At Bulk, ten minutes are enough for DefaultMaxBytes; a larger message may take
// longer at that rate: 2 GiB take three and a half hours.
var DefaultPace = Pace{
	Grace: 10 * time.Second, Rate: 1 << 10, Window: 30 * time.Second,
	Total: 10 * time.Minute, Bulk: DefaultMaxBytes / 600, Answer: time.Minute,
}

// body reads a request body and limits its size and how slowly it may arrive (SEC-011, SEC-012).
type body struct {
	x      *exchange
	rc     *http.ResponseController
	start  time.Time
	n      int64
	window time.Time // when the current window began
	had    int64     // value of n at that moment
}

func newBody(x *exchange) *body {
	now := x.rx.Now()
	return &body{x: x, rc: http.NewResponseController(x.w), start: now, window: now.Add(x.rx.Pace.Grace)}
}

// slow reports whether less has arrived by now than Pace demands.
func (b *body) slow() bool {
	p, now := &b.x.rx.Pace, b.x.rx.Now()
	if took := now.Sub(b.start); took > p.Total && float64(b.n) < float64(p.Bulk)*took.Seconds() {
		return true
	}
	took := now.Sub(b.window)
	if took < p.Window {
		return false
	}
	late := float64(b.n-b.had) < float64(p.Rate)*took.Seconds()
	b.window, b.had = now, b.n
	return late
}

// deadline bounds the wait for the next bytes.
func (b *body) deadline() time.Time {
	p := &b.x.rx.Pace
	if b.had == 0 {
		return time.Now().Add(p.Grace + p.Window)
	}
	return time.Now().Add(p.Window)
}

// interrupt ends a Read that waits; it is called when the request has to give way. A deadline in the past does that.
func (b *body) interrupt() { _ = b.rc.SetReadDeadline(time.Unix(1, 0)) } // not every ResponseWriter supports it

func (b *body) Read(p []byte) (int, error) {
	_ = b.rc.SetReadDeadline(b.deadline()) // not every ResponseWriter supports it
	if err := b.x.hold.Err(); err != nil { // the line above may have overwritten the deadline of interrupt
		return 0, noRoom(err)
	}
	n, err := b.x.r.Body.Read(p)
	if b.n == 0 && n > 0 {
		b.x.rx.Hook("receive.byte")
	}
	b.n += int64(n)
	b.x.info.Bytes = b.n
	if gone := b.x.hold.Came(n); gone != nil {
		return 0, noRoom(gone)
	}
	if b.n > b.x.rx.MaxBytes {
		return 0, &httpError{status: http.StatusRequestEntityTooLarge, msg: "the message is too large"}
	}
	if b.slow() || errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, &httpError{status: http.StatusRequestTimeout, msg: "the message arrives too slowly", err: err}
	}
	if err == io.EOF {
		// net/http reads on in the background, and would take a timeout for a closed connection.
		_ = b.rc.SetReadDeadline(time.Time{})
	}
	if err != nil && err != io.EOF {
		return n, &httpError{status: http.StatusBadRequest, msg: "the message is incomplete", err: err}
	}
	return n, err
}

// noRoom refuses a request for which the intake has no capacity, or no longer has any (SEC-012, SEC-016).
func noRoom(err error) error {
	e := later(err.Error(), err)
	var ie *intake.Error
	if errors.As(err, &ie) && ie.Source {
		e.msg = "too much at once from your address, try again later"
	}
	return e
}

// pool bounds how many messages are worked on at once: parsed, verified and stored, their bodies being complete
// (SEC-016).
type pool struct {
	places  chan struct{}
	waiting chan struct{} // requests that wait for a place; at most as many as there are places
}

func newPool(n int) pool { return pool{make(chan struct{}, n), make(chan struct{}, n)} }

// Patience is how long a complete message waits for a place in the pool.
const Patience = 10 * time.Second

var errPool = errors.New("as4: as many messages as allowed are being worked on")

func poolFull() error { return later("the working pool is full", errPool) }

// crowded reports whether so many wait for a place that reading another body would be wasted (REL-060).
func (p *pool) crowded() bool { return len(p.waiting) == cap(p.waiting) }

// enter takes a place in the pool, waiting for one if necessary.
func (x *exchange) enter() error {
	p := &x.rx.pool
	select {
	case p.places <- struct{}{}:
		x.working = true
		return nil
	default:
	}
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return poolFull()
	}
	ctx, cancel := x.after(Patience)
	defer cancel()
	select {
	case p.places <- struct{}{}:
		x.working = true
		return nil
	case <-ctx.Done():
		if err := x.r.Context().Err(); err != nil {
			return err
		}
		return poolFull()
	}
}

// leave gives the place back.
func (x *exchange) leave() {
	if x.working {
		x.working = false
		<-x.rx.pool.places
	}
}
