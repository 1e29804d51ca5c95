package node

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// lines limits what others can make us log. Strangers share one budget, authenticated peers have one each, and an error
// that an operator must act on is logged once a minute.
type lines struct{ strangers, peers, troubles *quiet }

func newLines(log zerolog.Logger, now func() time.Time) lines {
	return lines{
		strangers: &quiet{log: log, now: now, span: 10 * time.Second, each: 5, all: 100, level: zerolog.WarnLevel},
		peers:     &quiet{log: log, now: now, span: 10 * time.Second, each: 20, all: 1000, level: zerolog.WarnLevel},
		troubles:  &quiet{log: log, now: now, span: time.Minute, each: 1, all: 20, level: zerolog.ErrorLevel},
	}
}

// sweep ends the spans that are over.
func (l *lines) sweep() {
	for _, q := range []*quiet{l.strangers, l.peers, l.troubles} {
		q.sweep(false)
	}
}

// flush logs how many lines were suppressed, before the log ends.
func (l *lines) flush() {
	for _, q := range []*quiet{l.strangers, l.peers, l.troubles} {
		q.sweep(true)
	}
}

// quiet limits lines whose number is up to others. The first lines of each kind and source in a span are written; the
// rest are counted, and their number is logged when the span ends, whether or not more follow.
type quiet struct {
	log   zerolog.Logger
	now   func() time.Time
	span  time.Duration
	each  int // lines of one kind and source in a span
	all   int // lines together in a span
	level zerolog.Level

	mu    sync.Mutex
	began time.Time // of the span of all
	wrote int       // in that span
	open  map[lineKey]*lineCount
}

type lineKey struct{ kind, source string }

type lineCount struct {
	began       time.Time
	wrote, left int
}

// maxLineKeys bounds the memory of a quiet, and the lines about suppressed lines.
const maxLineKeys = 100

// elsewhere stands for all sources that have no count of their own.
const elsewhere = "other sources"

// allow reports whether a line of this kind and source may be written now.
func (q *quiet) allow(kind, source string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	if now.Sub(q.began) >= q.span {
		q.began, q.wrote = now, 0
	}
	c := q.count(lineKey{kind, source}, now)
	if c.wrote >= q.each || q.wrote >= q.all {
		c.left++
		return false
	}
	c.wrote++
	q.wrote++
	return true
}

// count returns the count for a key, or that for other sources if there are too many sources, or that for everything
// else if there are too many kinds as well.
func (q *quiet) count(key lineKey, now time.Time) *lineCount {
	if q.open == nil {
		q.open = map[lineKey]*lineCount{}
	}
	for _, k := range []lineKey{key, {key.kind, elsewhere}, {"other", elsewhere}} {
		c := q.open[k]
		if c != nil && now.Sub(c.began) >= q.span {
			q.tell(k, c, now)
			c = nil
		}
		room := len(q.open) < maxLineKeys || k.source == elsewhere && len(q.open) < 2*maxLineKeys || k.kind == "other"
		if c == nil && room {
			c = &lineCount{began: now}
			q.open[k] = c
		}
		if c != nil {
			return c
		}
	}
	return nil // not reached: the last key always has a count
}

// tell ends the span of a key and logs how many lines were suppressed in it.
func (q *quiet) tell(key lineKey, c *lineCount, now time.Time) {
	delete(q.open, key)
	if c.left > 0 {
		q.log.WithLevel(q.level).Str("kind", key.kind).Str("source", key.source).Int("left_out", c.left).
			Dur("ms", now.Sub(c.began)).Msg("lines left out")
	}
}

// sweep ends the spans that are over, or all.
func (q *quiet) sweep(all bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	var over []lineKey
	for key, c := range q.open {
		if all || now.Sub(c.began) >= q.span {
			over = append(over, key)
		}
	}
	slices.SortFunc(over, func(a, b lineKey) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.source, b.source))
	})
	for _, key := range over {
		q.tell(key, q.open[key], now)
	}
}
